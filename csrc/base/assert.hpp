// REALMSYNC_ASSERT(condition): what must be true where it stands whatever bytes arrive, so that a
// false one is a defect of this library. On in debug, sanitizer, fuzz and simulation builds, where
// it names the place and aborts; product wheels (NDEBUG) do not evaluate it. Bad input is never
// asserted: it is refused with an Error.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace realmsync::detail {

[[noreturn]] inline void assertion_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    std::abort();
}

} // namespace realmsync::detail

#ifdef NDEBUG
#define REALMSYNC_ASSERT(condition) static_cast<void>(sizeof((condition) ? 1 : 0))
#else
#define REALMSYNC_ASSERT(condition)                                                                \
    ((condition) ? static_cast<void>(0)                                                            \
                 : realmsync::detail::assertion_failed(#condition, __FILE__, __LINE__))
#endif
