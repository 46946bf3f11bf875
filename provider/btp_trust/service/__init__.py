"""SAP's services over HTTP: operations and their responses. Imports nothing of the resources or of `runtime`."""
