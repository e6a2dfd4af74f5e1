"""The gateway of data loggers: HJ 212 over TCP in, packets on the log, 9014 out."""

from .limits import Limits
from .worker import GatewayWorker, gateway_worker

__all__ = ["GatewayWorker", "Limits", "gateway_worker"]
