"""The services of SAP BTP and of target systems, one module or folder each. Imports neither `server` nor `control`."""
