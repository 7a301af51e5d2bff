// What only the machine knows, for stores that take clock and chance from outside.
#pragma once

#include <cstdint>

namespace realmsync::runtime {

std::int64_t unix_ms();
std::uint64_t random_bits(); // of the kernel's generator

} // namespace realmsync::runtime
