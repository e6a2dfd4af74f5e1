"""The engine beside its peers: the same packets of the same topic, one after the other, in one call.

Peers are timed from the first packet that they hand out to the last; this product from its first commit to its last, without
the packets of the first.
"""

from __future__ import annotations

from pathlib import Path

from tests.bench.engine_harness import Servers, engine_harness
from tests.bench.packet_topic import FACTORS, REAL_TIME
from tests.bench.peers.running import PeerRun, kafka_streams, quix
from tests.bench.rows import Row
from tests.bench.sizes import FEW, Sizes

PEER_PATH = (
    "the same topic → hourly mean a point, one state update a packet → those over a limit to a topic, exactly-once"
)


def engine_peers(folder: Path, servers: Servers, sizes: Sizes) -> list[Row]:
    """This product, Quix Streams, Kafka Streams."""
    with engine_harness(folder / "peers", servers) as harness:
        points = harness.register(FEW)
        harness.start()
        harness.suspend()
        packets = harness.fill(points, REAL_TIME, sizes.peers)
        consumed = harness.consume()
        harness.stop()
        own = PeerRun(consumed.running_packets, consumed.running_s, sum(consumed.cpu_s))
        peers = {
            "Quix Streams": quix(harness.bootstrap, harness.topic, packets, folder),
            "Kafka Streams": kafka_streams(
                harness.log, harness.prefix, harness.bootstrap, harness.topic, packets, folder
            ),
        }
    rows = [_row("engine beside peers: this product", own, "Kafka → rows and progress committed in PostgreSQL")]
    for name, run in peers.items():
        rows.append(_row(f"engine beside peers: {name}", run, PEER_PATH))
        share = (own.packets / own.seconds) / (run.packets / run.seconds)
        rows.append(Row(f"engine: this product against {name}", share, "×", "readings/s by wall, the same call"))
    return rows


def _row(figure: str, run: PeerRun, path: str) -> Row:
    readings = run.packets * len(FACTORS)
    detail = {"by_cpu": readings / run.cpu_s, "packets": run.packets, "seconds": run.seconds}
    return Row(figure, readings / run.seconds, "readings/s", path, detail)
