"""Where Kafka and the registry are, and what it takes to be let in: variables and options."""

from dataclasses import dataclass
from typing import Self

from framelog_service.environment import BadSetting, Reader, Secret, revealed


@dataclass(frozen=True)
class KafkaAccess:
    """Where Kafka is, how its clients show who they are, and whom they trust.

    None is the client's own default.
    """

    bootstrap_servers: str = "127.0.0.1:9092"
    protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: Secret | None = None
    ssl_ca_location: str | None = None
    ssl_certificate_location: str | None = None
    ssl_key_location: str | None = None
    ssl_key_password: Secret | None = None

    @classmethod
    def read(cls, read: Reader) -> Self:
        """Read the variables. Raises BadSetting."""
        access = cls(
            bootstrap_servers=read.text("FRAMELOG_KAFKA_BOOTSTRAP_SERVERS", cls.bootstrap_servers),
            protocol=read.choice(
                "FRAMELOG_KAFKA_SECURITY_PROTOCOL",
                cls.protocol,
                ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
            ),
            sasl_mechanism=read.choice(
                "FRAMELOG_KAFKA_SASL_MECHANISM",
                cls.sasl_mechanism,
                ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
            ),
            sasl_username=read.optional("FRAMELOG_KAFKA_SASL_USERNAME"),
            sasl_password=read.secret("FRAMELOG_KAFKA_SASL_PASSWORD"),
            ssl_ca_location=read.optional("FRAMELOG_KAFKA_SSL_CA_LOCATION"),
            ssl_certificate_location=read.optional("FRAMELOG_KAFKA_SSL_CERTIFICATE_LOCATION"),
            ssl_key_location=read.optional("FRAMELOG_KAFKA_SSL_KEY_LOCATION"),
            ssl_key_password=read.secret("FRAMELOG_KAFKA_SSL_KEY_PASSWORD"),
        )
        named = access.sasl_username is not None and access.sasl_password is not None
        if access._has_sasl and not named:
            raise BadSetting(
                f"FRAMELOG_KAFKA_SECURITY_PROTOCOL is {access.protocol!r}, which needs "
                "FRAMELOG_KAFKA_SASL_USERNAME and FRAMELOG_KAFKA_SASL_PASSWORD."
            )
        return access

    @property
    def client_options(self) -> dict[str, str]:
        """What every Kafka client needs to find the cluster and to be let in."""
        options = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.protocol,
            "sasl.mechanism": self.sasl_mechanism if self._has_sasl else None,
            "sasl.username": self.sasl_username,
            "sasl.password": revealed(self.sasl_password),
            "ssl.ca.location": self.ssl_ca_location,
            "ssl.certificate.location": self.ssl_certificate_location,
            "ssl.key.location": self.ssl_key_location,
            "ssl.key.password": revealed(self.ssl_key_password),
        }
        return {name: value for name, value in options.items() if value is not None}

    @property
    def _has_sasl(self) -> bool:
        return self.protocol.startswith("SASL_")


@dataclass(frozen=True)
class RegistryAccess:
    """Where the schema registry is, how its clients show who they are, and whom they trust."""

    url: str = "http://127.0.0.1:8081/apis/ccompat/v7"
    user_info: Secret | None = None
    """`name:password`"""
    ssl_ca_location: str | None = None
    """File or folder of the trusted certificates; None is the system's."""

    @classmethod
    def read(cls, read: Reader) -> Self:
        """Read the variables. Raises BadSetting."""
        user_info = read.secret("FRAMELOG_SCHEMA_REGISTRY_USER_INFO")
        if user_info is not None and ":" not in user_info.value:
            raise BadSetting(
                "FRAMELOG_SCHEMA_REGISTRY_USER_INFO must be a name, ':' and a password."
            )
        return cls(
            url=read.url("FRAMELOG_SCHEMA_REGISTRY_URL", cls.url),
            user_info=user_info,
            ssl_ca_location=read.optional("FRAMELOG_SCHEMA_REGISTRY_SSL_CA_LOCATION"),
        )


def backup_topic(streams_topic: str) -> str:
    """Name the topic of the schemas' backup where none was chosen: beside the streams' own."""
    log, dot, _ = streams_topic.rpartition(".")
    return f"{log if dot else streams_topic}.schemas"
