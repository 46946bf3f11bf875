"""Pulumi resources for the trust certificates of the SAP BTP Destination service."""
