"""Builds the peers once, in `.run/peers`, and runs each as a process on a topic of packets."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
import uuid
from dataclasses import dataclass
from pathlib import Path

from shared.eventlog.kafka import KafkaLog
from shared.ports import TopicShape

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RUN = ROOT / ".run" / "peers"
JAVA = HERE / "kafka_streams"
MOST_S = 240


@dataclass(frozen=True, slots=True)
class PeerRun:
    """What a peer did: from its first packet to its last."""

    packets: int
    seconds: float
    cpu_s: float


def quix(bootstrap: str, topic: str, packets: int, folder: Path) -> PeerRun:
    script = str(HERE / "quix_peer.py")
    return _run([_quix_python(), script, bootstrap, topic, str(packets), str(folder / "quix")], folder, packets)


def kafka_streams(log: KafkaLog, prefix: str, bootstrap: str, topic: str, packets: int, folder: Path) -> PeerRun:
    """One thread. Its output topic must be there before it starts."""
    output = f"over-{uuid.uuid4().hex[:8]}"
    log.create({output: TopicShape(12)})
    classes = f"{_jars()}/*"
    arguments = [bootstrap, topic, prefix + output, str(packets), "1", str(folder / "kafka-streams")]
    return _run(["java", "-Xmx2g", "-cp", classes, "HourlyMeans", *arguments], folder, packets)


def _run(command: list[str], folder: Path, packets: int) -> PeerRun:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=MOST_S)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    found = PeerRun(**json.loads(done.stdout.splitlines()[-1]))
    if found.packets != packets:
        raise RuntimeError(f"{command[0]} took {found.packets} of {packets} packets: {done.stderr[-2000:]}")
    return found


def _quix_python() -> str:
    """The interpreter of an environment with what the extra `peers` names."""
    python, stamp = RUN / "venv" / "bin" / "python", RUN / "venv" / ".peers"
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["peers"]
    if not stamp.exists() or stamp.read_text() != "\n".join(extra):
        sys.stderr.write("setting up the peers' environment (once)\n")
        subprocess.run([sys.executable, "-m", "venv", RUN / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *extra], check=True)
        stamp.write_text("\n".join(extra))
    return str(python)


def _jars() -> Path:
    """The folder of the Java peer and of what it needs."""
    jars, sources = RUN / "jars", [JAVA / "pom.xml", JAVA / "src" / "main" / "java" / "HourlyMeans.java"]
    stamp, text = jars / ".sources", "".join(path.read_text() for path in sources)
    if not stamp.exists() or stamp.read_text() != text:
        sys.stderr.write("building the Java peer (once)\n")
        shutil.rmtree(jars, ignore_errors=True)
        goals = ["package", "dependency:copy-dependencies", f"-DoutputDirectory={jars}", f"-Dtarget={RUN / 'target'}"]
        subprocess.run(["mvn", "-B", "-q", "-f", str(JAVA / "pom.xml"), *goals], check=True)
        shutil.copy(RUN / "target" / "peer.jar", jars)
        stamp.write_text(text)
    return jars
