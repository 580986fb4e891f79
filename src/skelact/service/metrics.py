"""What Prometheus is told: requests, how long they took, what was recognised, streams."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """Numbers of one service; not those of the process's other services."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "skelact_requests", "Requests answered.", ["path", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "skelact_request_seconds", "Seconds to the answer.", ["path"], registry=self._registry
        )
        self.recordings = Counter(
            "skelact_recordings", "Recordings recognised.", ["unfamiliar"], registry=self._registry
        )
        self.num_streams = 0
        """Streams that are open."""
        self._streams = Gauge("skelact_streams", "Streams that are open.", registry=self._registry)
        self.frames = Counter("skelact_frames", "Frames of streams.", registry=self._registry)
        self.events = Counter("skelact_events", "Events of streams.", ["event"], registry=self._registry)

    def count_streams(self, change: int) -> None:
        """Tell that a stream was opened, 1, or closed, -1."""
        self.num_streams += change
        self._streams.set(self.num_streams)

    def text(self) -> bytes:
        """Return them as Prometheus reads them."""
        return generate_latest(self._registry)
