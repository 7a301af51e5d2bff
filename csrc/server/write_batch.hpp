// Runs writer jobs of the server in one durable transaction (server-behaviour.md 19.10), within
// limits of work. Which jobs come together is writer_queue.hpp's, when they run
// runtime/server_runtime.cpp's.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <vector>

#include "server/job.hpp"
#include "server/store.hpp"
#include "tuning.hpp"

namespace realmsync::server {

struct WriteLimits {
    UploadLimits upload;
    std::uint64_t light_work = 0;       // of an upload that shares its transaction, in ns
    std::uint64_t upload_work = 0;      // of a part of an upload that has one of its own
    std::uint64_t transaction_work = 0; // after which the transaction ends
    const std::atomic<bool>* stop = nullptr;

    WriteLimits() = default;
    explicit WriteLimits(const ServerTuning& tuning, const std::atomic<bool>* stop_flag = nullptr)
        : upload{tuning.inflated_bytes, tuning.part_bytes, tuning.parsed_bytes},
          light_work(tuning.light_work), upload_work(tuning.upload_work),
          transaction_work(tuning.transaction_work), stop(stop_flag) {}
};

struct WriteResult {
    // To be published now, in order: what is not JobFailed is durable.
    std::vector<Outcome> outcomes;
    // What is to be run (again) before anything later of its flow, in order: uploads that turned
    // out to be heavy or are not finished, what stood behind them, what an aborted transaction took
    // with it.
    std::vector<WriterJob> left;
    struct Cost {
        Flow flow;
        std::uint64_t work; // ns
    };
    std::vector<Cost> costs;
};

// Whose a failure of a store is.
FailureScope scope_of(const std::exception& error);

// A failure of the machine ends a job, at its second time for good; that of the medium, or of the
// commit, all of them.
WriteResult run_write_batch(ServerStore& store, std::vector<WriterJob> jobs,
                            const WriteLimits& limits);

} // namespace realmsync::server
