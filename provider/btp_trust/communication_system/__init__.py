"""CommunicationSystemTrust: one block of a communication system, which holds one certificate."""
