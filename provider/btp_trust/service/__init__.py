"""SAP's services over HTTP: operations and their responses. Resources and `runtime` import this package."""
