"""An S/4HANA tenant over HTTP: the communication systems (OData V4), and what accepts assertions by their blocks."""
