"""The service document and the metadata of the communication systems."""

from __future__ import annotations

from btp_trust_emulator.services.s4 import entity

NAMESPACE = "com.sap.gateway.srvd_a2x.aps_com_cs_a4c_odata.v0001"
SERVICE_DOCUMENT = {
    "@odata.context": "$metadata",
    "value": [{"name": "CommunicationSystems", "url": "CommunicationSystems"}],
}


def metadata_document() -> str:
    """Return the EDMX document: the entity type with its properties."""
    properties = "".join(
        f'<Property Name="{name}" Type="{_edm_type(name)}"/>' for name in sorted(entity.PROPERTIES - {"UUID"})
    )
    navigations = "".join(
        f'<NavigationProperty Name="{name}" Type="Collection({NAMESPACE}.{name}Type)"/>'
        for name in sorted(entity.NAVIGATIONS)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        '<EntityType Name="CommunicationSystemsType"><Key><PropertyRef Name="UUID"/></Key>'
        f'<Property Name="UUID" Type="Edm.Guid" Nullable="false"/>{properties}{navigations}</EntityType>'
        f"{''.join(_user_type(name) for name in sorted(entity.NAVIGATIONS))}"
        '<EntityContainer Name="Container">'
        f'<EntitySet Name="CommunicationSystems" EntityType="{NAMESPACE}.CommunicationSystemsType"/>'
        "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    )


def _edm_type(name: str) -> str:
    return "Edm.Boolean" if name.startswith("Is") else "Edm.String"


def _user_type(name: str) -> str:
    return (
        f'<EntityType Name="{name}Type"><Key><PropertyRef Name="UUID"/></Key>'
        '<Property Name="UUID" Type="Edm.Guid" Nullable="false"/>'
        '<Property Name="CommunicationSystemUUID" Type="Edm.Guid"/><Property Name="UserID" Type="Edm.String"/>'
        '<Property Name="Type" Type="Edm.String"/></EntityType>'
    )
