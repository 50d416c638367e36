"""Statistics as a Kafka client reports them."""

import json


def reported(
    name: str = "producer-1", queued: int = 0, **brokers: tuple[int, int, int, int]
) -> str:
    """Make statistics: of each broker p50 and p99 in microseconds, timeouts and retries."""
    made = {
        broker: {
            "rtt": {"p50": p50, "p99": p99, "cnt": p99 and 10},
            "req_timeouts": timeouts,
            "txretries": retries,
        }
        for broker, (p50, p99, timeouts, retries) in brokers.items()
    }
    return json.dumps({"name": name, "msg_cnt": queued, "brokers": made})
