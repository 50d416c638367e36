"""What lets frames expire: retention, done by hand, and the setting for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

if TYPE_CHECKING:
    from datetime import timedelta

    from tests.support.cluster import Cluster, Topics


def delete_before(cluster: Cluster, topics: Topics, partition: int, offset: int) -> None:
    """Take records away from the frames topic, as retention does."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    where = TopicPartition(topics.frames, partition, offset)
    for deleted in admin.delete_records([where]).values():
        deleted.result()


def keep_for(cluster: Cluster, topics: Topics, time: timedelta) -> None:
    """Set how long the frames topic keeps records."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    milliseconds = str(round(time.total_seconds() * 1000))
    entry = ConfigEntry("retention.ms", milliseconds, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource("topic", topics.frames, incremental_configs=[entry])
    for altered in admin.incremental_alter_configs([resource]).values():
        altered.result()
