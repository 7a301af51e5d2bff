// Runs writer jobs of the server in one durable transaction (server-behaviour.md 19.10). Which jobs
// and when is decided in runtime/server_runtime.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "server/job.hpp"
#include "server/store.hpp"

namespace realmsync::server {

// One outcome per job, in order, to be published now: what is not JobFailed is durable. A job that
// throws is found by running the jobs one by one and fails alone; when the commit itself fails, it
// is unknown what took effect, and all of them fail.
std::vector<Outcome> run_write_batch(ServerStore& store, std::vector<WriterJob> jobs,
                                     std::uint64_t inflated_bytes_limit);

} // namespace realmsync::server
