"""Programs that are compared; a benchmark copies each of them into a project.

Their environment: FLEET_SUBACCOUNTS names a file with the fingerprint of each subaccount's passive certificate,
FLEET_KEYS the folder of service keys, FLEET_SIGNER is the generation that is declared to sign.
"""
