"""Memory that training frees stays with the process: to fetch it anew from Linux at every step costs a tenth of the time."""

import ctypes

M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
"""Names and values of mallopt(3), of glibc."""


def keep_freed_memory() -> bool:
    """Tell the allocator of this process to keep what is freed, and return whether it did.

    By default glibc gets each large tensor from the kernel, which fills it with zeros page by page at first touch, and hands it
    back at the end of the step. What a process held at its peak it now holds until it ends. Other systems' allocators know no
    such setting; there nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # musl has the function too, for nothing, and says 0.
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
