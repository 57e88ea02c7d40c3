"""A chunk of block requests as arrays: what every workload and trace reader yields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

READ = 0
WRITE = 1
UNMAP = 2
KIND_NAMES = ("read", "write", "unmap")


@dataclass(frozen=True)
class Requests:
    """Requests in order of time; all arrays have shape (requests,).

    Parameters
    ----------
    time_ns
        int64. Open loop: time since the stream's start, never decreasing. Closed loop:
        the think time before this request is issued.
    kind
        uint8: READ 0, WRITE 1, UNMAP 2.
    offset_bytes, size_bytes
        int64, offset >= 0 and size > 0.
    device
        int32: index into the reader's list of devices; 0 where there is one device.
    """

    time_ns: npt.NDArray[np.int64]
    kind: npt.NDArray[np.uint8]
    offset_bytes: npt.NDArray[np.int64]
    size_bytes: npt.NDArray[np.int64]
    device: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.time_ns)
