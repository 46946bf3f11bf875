"""The services of SAP BTP and of target systems, one module or folder each. Imports `faults` and what lies below."""
