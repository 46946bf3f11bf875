"""A target that is deleted before it is replaced: Pulumi asks diff about values that nobody knows yet."""

from __future__ import annotations

TARGET = '''
class Store(pulumi.dynamic.ResourceProvider):
    """A target that must be made anew whenever it is given something else."""

    def diff(self, _id, olds, news):
        changes = olds["given"] != news["given"]
        return pulumi.dynamic.DiffResult(changes, ["given"] if changes else [], delete_before_replace=True)

    def create(self, props):
        return pulumi.dynamic.CreateResult("store", {"given": props["given"], "said": props["says"]})


class Target(pulumi.dynamic.Resource):
    said: pulumi.Output[object]

    def __init__(self, name, given, says):
        super().__init__(Store(), name, {"given": given, "says": says, "said": None})
'''
