#!/usr/bin/env python3
"""Fetches Apache Kafka's own jars with Maven and runs the real broker (KRaft, one node) on loopback.

Standard library only, so it works before any set-up. The process becomes the broker (exec): its pid is the broker's pid
and its signals are the broker's. For development and tests; `docker-compose.yml` shows the deployed shape.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUN = HERE.parents[1] / ".run" / "kafka"
JARS = RUN / "jars"
STAMP = JARS / ".pom.xml"  # the pom that the jars were fetched by
CLUSTER_ID = "eXVqaW5nLWxvb3BiYWNrMQ"  # any 16 bytes in base64; fixed, so that a second start finds its own storage
JVM = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.awt.headless=true"]

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
# one node: its inner topics have one copy, and few partitions keep the first consumer from waiting
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# groups form at once, and tests may use short sessions
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# a killed broker may come back only when its old session has ended: 3 s instead of 9
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
"""


def fetched() -> bool:
    return STAMP.exists() and STAMP.read_bytes() == (HERE / "pom.xml").read_bytes()


def fetch() -> None:
    if fetched():
        return
    maven = shutil.which("mvn")
    if maven is None:
        sys.exit("Kafka's jars are fetched by Maven, and there is no `mvn` here: install maven and a Java 17 runtime")
    fresh = RUN / "jars.new"
    shutil.rmtree(fresh, ignore_errors=True)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
    sys.stderr.write("fetching Apache Kafka's jars (once, 44 MB)\n")
    done = subprocess.run([maven, "-B", "-q", "-f", str(HERE / "pom.xml"), *goal], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"Maven did not fetch Kafka's jars:\n{done.stdout}{done.stderr}")
    shutil.copyfile(HERE / "pom.xml", fresh / STAMP.name)
    shutil.rmtree(JARS, ignore_errors=True)
    fresh.rename(JARS)


def java(*arguments: str) -> list[str]:
    found = shutil.which("java")
    if found is None:
        sys.exit("Kafka runs on Java 17 or newer, and there is no `java` here")
    logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
    return [found, *JVM, logging, "-cp", f"{JARS}/*", *arguments]


def prepare(folder: Path, port: int, controller_port: int) -> Path:
    """Writes the broker's settings and, the first time, formats its storage."""
    folder.mkdir(parents=True, exist_ok=True)
    data, settings = folder / "data", folder / "server.properties"
    settings.write_text(PROPERTIES.format(port=port, controller_port=controller_port, data=data))
    if not (data / "meta.properties").exists():
        form = java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(settings))
        subprocess.run(form, check=True, stdout=subprocess.DEVNULL)
    return settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fetch-only", action="store_true", help="fetch the jars if they are not there, and stop")
    parser.add_argument("--folder", type=Path, default=RUN / "broker", help="settings and data of this broker")
    parser.add_argument("--port", type=int, default=9092)
    parser.add_argument("--controller-port", type=int, help="default: port + 1")
    wanted = parser.parse_args()
    fetch()
    if wanted.fetch_only:
        return
    settings = prepare(wanted.folder.resolve(), wanted.port, wanted.controller_port or wanted.port + 1)
    sys.stderr.write(f"Apache Kafka on 127.0.0.1:{wanted.port}, data in {wanted.folder}\n")
    command = java("kafka.Kafka", str(settings))
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
