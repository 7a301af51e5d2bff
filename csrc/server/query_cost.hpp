// What it costs the writer to understand a query set, told by its size.
#pragma once

#include <cstdint>

#include "server/job.hpp"

namespace realmsync::server {

inline constexpr std::uint64_t kQueryByte = 300; // ns

inline std::uint64_t query_size(const Bind& job) {
    return job.request.subscribing ? job.request.subscribing->body.size() : 0;
}
inline std::uint64_t query_size(const Subscribe& job) { return job.request.body.size(); }

} // namespace realmsync::server
