// The server engine coupled to a store: one writer lane that takes every waiting job of every
// partition into one transaction, page lanes beside it, results back through one eventfd. All
// methods are for the event loop's thread. What the engine decides is in server/, what is stored in
// partitions/.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/completion_queue.hpp"
#include "runtime/worker_pool.hpp"
#include "server/server.hpp"
#include "server/store.hpp"
#include "tuning.hpp"

namespace realmsync::runtime {

class ServerRuntime {
  public:
    // With 0 workers jobs run inside drain(), for deterministic tests.
    ServerRuntime(std::unique_ptr<server::ServerStore> store, unsigned workers, std::uint64_t seed,
                  const ServerTuning& tuning);
    ~ServerRuntime();

    int fileno() const { return wake_up_.fd(); } // readable: call drain()
    server::ConnectionId open_connection(std::string_view app_id, std::string_view user_id,
                                         std::string_view subprotocol, std::int64_t now);
    void receive(server::ConnectionId connection, std::string_view message, std::int64_t now);
    void refuse(server::ConnectionId connection, std::string_view first_bytes, std::uint64_t size,
                std::int64_t now);
    std::optional<std::string> next_message(server::ConnectionId connection, std::int64_t now);
    void revoke(server::ConnectionId connection, std::int64_t now);
    void take_over(server::ConnectionId connection, std::int64_t now);
    void closed(server::ConnectionId connection);
    // Takes in finished jobs and expired timers; gives what the transport has to do.
    std::vector<server::Event> drain(std::int64_t now);
    std::optional<std::int64_t> deadline() const { return engine_.deadline(); }
    void shutdown(std::int64_t now);
    // Stops the workers: running jobs end, waiting ones are dropped (nothing of them was told to
    // anybody), and closes the store. Call without the GIL.
    void close();
    server::Stats stats() const { return engine_.stats(); }
    std::uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }

  private:
    void pump();
    void post(std::vector<server::Job> jobs);
    void write();
    std::vector<server::WriterJob> take_batch();
    void fetch(const server::FetchPage& job);

    const ServerTuning tuning_;
    std::unique_ptr<server::ServerStore> store_;
    server::Server engine_;
    WakeUp wake_up_;
    CompletionQueue<server::Outcome> outcomes_{wake_up_};
    std::mutex mutex_;
    std::deque<server::WriterJob> waiting_; // guarded by mutex_
    bool writing_ = false;                  // guarded by mutex_
    bool signalled_ = false;                // events wait for drain()
    std::atomic<std::uint64_t> commits_{0};
    const bool inline_;
    WorkerPool pool_;
    std::shared_ptr<WorkerPool::Lane> writer_;
    std::vector<std::shared_ptr<WorkerPool::Lane>> readers_;
    std::size_t next_reader_ = 0;
};

} // namespace realmsync::runtime
