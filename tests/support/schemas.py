"""JSON schemas of every kind that an API server serves, strict, where kubeconform looks for them."""

from __future__ import annotations

import json
import subprocess

from tests.support.programs import program

FILE_NAME = "{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json"
"""As kubeconform fills it in; for the core API it takes the version for the group."""


def write_schemas(client, folder):
    """Write one file a kind from the server's OpenAPI; a field that it does not know is an error."""
    for entry in client.get("/openapi/v3")["paths"].values():
        schemas = client.get(entry["serverRelativeURL"]).get("components", {}).get("schemas", {})
        closed = {name: _closed(schema) for name, schema in schemas.items()}
        for name, schema in schemas.items():
            for kind in schema.get("x-kubernetes-group-version-kind", ()):
                file = f"{kind['kind'].lower()}-{kind['group'] or kind['version']}-{kind['version']}.json"
                root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": closed}}
                (folder / file).write_text(json.dumps(root))


def kubeconform(text, folder):
    """What kubeconform has to say against the objects; every kind must have its schema."""
    command = [program("kubeconform"), "-strict", "-summary", "-schema-location", f"{folder}/{FILE_NAME}", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def _closed(schema):
    if isinstance(schema, list):
        return [_closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _closed(value) for name, value in schema.items()}
    is_open = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and not is_open:
        inner["additionalProperties"] = False
    return inner
