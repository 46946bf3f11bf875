"""The emulator of the trust API of the SAP BTP Destination service."""
