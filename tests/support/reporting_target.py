"""Programs with a target that trusts what it is given, and a trigger that asks."""

from __future__ import annotations

from support.pulumi_project import rotation_program

TARGET = '''
class Store(pulumi.dynamic.ResourceProvider):
    """A target that trusts what it is given, and says so afterwards."""

    def create(self, props):
        return pulumi.dynamic.CreateResult("store", {"given": props["given"], "trusts": props["given"]})

    def update(self, _id, _olds, news):
        return pulumi.dynamic.UpdateResult({"given": news["given"], "trusts": news["given"]})


class Target(pulumi.dynamic.Resource):
    trusts: pulumi.Output[list]

    def __init__(self, name, given):
        super().__init__(Store(), name, {"given": given, "trusts": None})
'''


def trusted_by_program(signs: str, trusted_by: str, target: str = "[]") -> str:
    """Write the program with a target that trusts these certificates, and a trigger that asks."""
    text = rotation_program("2028-11", signs, trigger=f", trusted_by={{{trusted_by}}}")
    first, _, rest = text.partition("rotation = ")
    return f'{first}{TARGET}\ns4 = Target("s4", {target})\nrotation = {rest}'
