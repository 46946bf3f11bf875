"""XML schemas of SAML metadata by OASIS and W3C, from a library among the development dependencies."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from lxml import etree

_FOLDER = files("saml2") / "data" / "schemas"


class _BundledSchemas(etree.Resolver):
    """Resolves imports of a schema to the files beside it, independently of their addresses."""

    def resolve(self, url: str, _: str, context: Any) -> Any:  # type: ignore[override] # the stubs lack `context`
        content = (_FOLDER / PurePosixPath(url).name).read_bytes()
        return self.resolve_string(content, context, base_url=url)


@cache
def _metadata_schema() -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True, load_dtd=False)
    parser.resolvers.add(_BundledSchemas())
    content = (_FOLDER / "saml-schema-metadata-2.0.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(content, parser, base_url="saml-schema-metadata-2.0.xsd"))


def schema_errors(metadata: str) -> list[str]:
    """Return the errors of metadata by the schema of OASIS, and by the additional rules of the UAA."""
    root = etree.fromstring(metadata.encode())
    schema = _metadata_schema()
    errors = [] if schema.validate(root) else [str(schema.error_log)]
    names = {"md": "urn:oasis:names:tc:SAML:2.0:metadata", "ds": "http://www.w3.org/2000/09/xmldsig#"}
    descriptors = root.findall("md:IDPSSODescriptor", names)
    for descriptor in descriptors:
        last = descriptor[-1]
        if last.tag != f"{{{names['md']}}}SingleSignOnService" or not last.get("Location"):
            errors.append("the last element must be a SingleSignOnService with a Location")
        elif last.get("Binding") != "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST":
            errors.append("its binding must be HTTP-POST")
    if len(descriptors) != 1:
        errors.append("exactly one IDPSSODescriptor is required")
    if any(len(data) != 1 for data in root.iter(f"{{{names['ds']}}}X509Data")):
        errors.append("each X509Data must have exactly one certificate")
    return errors
