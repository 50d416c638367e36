"""A cluster behind locks: a broker that asks for SCRAM over TLS, a registry behind a login.

Both have an open door too, on this machine only, by which a test prepares what is behind them.
"""

from __future__ import annotations

import base64
import ssl
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import requests
import trustme
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from cryptography.hazmat.primitives import serialization
from framelog_local.ports import free_ports

from tests.support.cluster import CLUSTER_ID, Cluster, Server, kafka_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

USER = "framelog"
PASSWORD = "kafka-has-this-password"  # noqa: S105 (only here)
REGISTRY_LOGIN = "framelog:registry-has-this-password"


@dataclass(frozen=True)
class SecuredCluster:
    """The open doors, and the settings by which a service comes in by the locked ones."""

    open: Cluster
    environment: Mapping[str, str]


@contextmanager
def rules(secured: SecuredCluster, *bindings: AclBinding) -> Iterator[Callable[[], None]]:
    """Have the broker keep to access rules; yields what takes them back before the end."""
    admin = AdminClient({"bootstrap.servers": secured.open.bootstrap_servers})
    for answer in admin.create_acls(list(bindings)).values():
        answer.result()
    left = list(bindings)

    def take_back() -> None:
        filters = [_filter(left.pop()) for _ in range(len(left))]
        for answer in (admin.delete_acls(filters) if filters else {}).values():
            answer.result()

    try:
        yield take_back
    finally:
        take_back()


def rule(
    kind: ResourceType,
    name: str,
    operation: AclOperation,
    permission: AclPermissionType = AclPermissionType.DENY,
) -> AclBinding:
    """Make a rule for the user that comes by the locked door."""
    return AclBinding(
        kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", operation, permission
    )


def _filter(binding: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )


@contextmanager
def running_secured_cluster(directory: Path, registry_url: str) -> Iterator[SecuredCluster]:
    """Start a locked broker, and a locked door to the registry at this address."""
    authority, host = trustme.CA(), "127.0.0.1"
    ca_file, certificate_file = directory / "ca.pem", directory / "server.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    _write_certificate(authority.issue_cert(host), certificate_file)
    locked_port, *broker_ports = free_ports(4)
    with ExitStack() as stack:
        broker, open_port = _broker(directory, certificate_file, locked_port, broker_ports)
        stack.callback(broker.stop)
        broker.start()
        door_port = stack.enter_context(_registry_door(registry_url, certificate_file))
        path = registry_url.split("/", 3)[3]
        environment = {
            "FRAMELOG_KAFKA_BOOTSTRAP_SERVERS": f"{host}:{locked_port}",
            "FRAMELOG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "FRAMELOG_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "FRAMELOG_KAFKA_SASL_USERNAME": USER,
            "FRAMELOG_KAFKA_SASL_PASSWORD": PASSWORD,
            "FRAMELOG_KAFKA_SSL_CA_LOCATION": str(ca_file),
            "FRAMELOG_SCHEMA_REGISTRY_URL": f"https://{host}:{door_port}/{path}",
            "FRAMELOG_SCHEMA_REGISTRY_USER_INFO": REGISTRY_LOGIN,
            "FRAMELOG_SCHEMA_REGISTRY_SSL_CA_LOCATION": str(ca_file),
        }
        yield SecuredCluster(Cluster(f"{host}:{open_port}", registry_url), environment)


def _broker(
    directory: Path, certificate_file: Path, locked_port: int, ports: Sequence[int]
) -> tuple[Server, int]:
    """Make a broker of two doors, its user known to it. Returns it and the open door's port."""
    host = "127.0.0.1"
    node = kafka_node(directory, ports)
    node.write_properties()
    doors = f"PLAINTEXT://{host}:{node.port},SASL_SSL://{host}:{locked_port}"
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    with (node.directory / "server.properties").open("a", encoding="utf-8") as properties:
        # The last line of a key is the one that counts.
        properties.write(
            f"listeners={doors},CONTROLLER://{host}:{node.controller_port}\n"
            f"advertised.listeners={doors}\n"
            "listener.security.protocol.map="
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL\n"
            "sasl.enabled.mechanisms=SCRAM-SHA-512\n"
            f"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={module} required;\n"
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
            # Who comes by the open door may do anything, the others what nothing forbids.
            "super.users=User:ANONYMOUS\n"
            "allow.everyone.if.no.acl.found=true\n"
            "ssl.keystore.type=PEM\n"
            f"ssl.keystore.location={certificate_file}\n"
        )
    user = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
    format_log = (*node.format_command(CLUSTER_ID), "--add-scram", user)
    subprocess.run(format_log, check=True, capture_output=True)
    return Server(node.program, directory), node.port


@contextmanager
def _registry_door(registry_url: str, certificate_file: Path) -> Iterator[int]:
    """Pass on to the registry what comes by TLS with the right login. Yields the port."""
    registry = "/".join(registry_url.split("/", 3)[:3])
    login = f"Basic {base64.b64encode(REGISTRY_LOGIN.encode()).decode()}"

    class Door(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Authorization") != login:
                self._answer(401, b'{"error_code":401,"message":"Who is it?"}')
                return
            kept = {"Content-Type": self.headers.get("Content-Type", "application/json")}
            answer = requests.request(
                self.command, registry + self.path, data=body, headers=kept, timeout=60
            )
            self._answer(answer.status_code, answer.content)

        do_GET = do_POST = do_PUT = _pass  # noqa: N815 (the server's names)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate_file)
    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _write_certificate(certificate: trustme.LeafCert, path: Path) -> None:
    """Write key and certificates into one file, the key in the one form that Kafka reads."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), password=None)
    pkcs8 = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(pkcs8 + b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
