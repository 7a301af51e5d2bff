// The server engine coupled to its stores: for each app a writer lane that takes waiting jobs of
// all partitions into one transaction, page lanes beside it, results back through one eventfd. All
// methods are for the event loop's thread. What the engine decides is in server/ (whose turn it is,
// too: job_queue.hpp), what is stored in partitions/.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/completion_queue.hpp"
#include "runtime/worker_pool.hpp"
#include "server/job_queue.hpp"
#include "server/page_queue.hpp"
#include "server/server.hpp"
#include "server/store.hpp"
#include "server/write_batch.hpp"
#include "tuning.hpp"

namespace realmsync::runtime {

// The store of an app, which is opened once. Called by any thread, one at a time.
using OpenStore = std::function<std::unique_ptr<server::ServerStore>(const std::string& app_id)>;

// Makes the store of an app that has not been there before.
using AddStore = std::function<void(const std::string& app_id)>;

class ServerRuntime {
  public:
    // With 0 workers jobs run inside drain(), for deterministic tests.
    ServerRuntime(OpenStore open_store, AddStore add_store, unsigned workers, std::uint64_t seed,
                  const ServerTuning& tuning, bool asks_permission = false);
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
    void authorize(server::ConnectionId connection, std::uint64_t session, std::uint64_t question,
                   std::optional<server::Permission> permission, std::int64_t now);
    void authorize_roles(server::ConnectionId connection, std::uint64_t session,
                         std::uint64_t question, std::shared_ptr<const rules::SessionRoles> roles,
                         std::int64_t now);
    void reauthorize(server::ConnectionId connection, std::int64_t now);
    // From now on there is such an app, if there was none.
    void add_app(const std::string& app_id) { add_store_(app_id); }
    void configure_app(const std::string& app_id, const server::AppSettings& settings,
                       std::int64_t now);
    void remove_app(const std::string& app_id, std::int64_t now);
    std::uint64_t administer(const std::string& app_id, server::Administration what,
                             std::int64_t now);
    void closed(server::ConnectionId connection);
    // Takes in finished jobs and expired timers; gives what the transport has to do.
    std::vector<server::Event> drain(std::int64_t now);
    std::optional<std::int64_t> deadline();
    void shutdown(std::int64_t now);
    // Stops the workers: running jobs end early, waiting ones are dropped (nothing of them was told
    // to anybody), and closes the stores. Call without the GIL.
    void close();
    server::Stats stats() const { return engine_.stats(); }
    std::uint64_t visits() const { return engine_.visits(); }
    // Whether a disk is full, and for how many ms the longest transaction has been running.
    struct Health {
        bool is_full = false;
        std::int64_t writing_ms = 0;
    };
    Health health();
    std::uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }

  private:
    void pump();
    struct AppLane { // storage of one app
        AppLane(const ServerTuning& tuning, std::shared_ptr<WorkerPool::Lane> lane)
            : waiting(tuning), writer(std::move(lane)) {}
        std::unique_ptr<server::ServerStore> store; // opened by the first job
        // Guarded by mutex_: what the store has not been told yet.
        std::optional<server::AppSettings> settings;
        server::JobQueue waiting;       // guarded by mutex_
        bool writing = false;           // guarded by mutex_
        bool is_full = false;           // guarded by mutex_: the disk
        std::int64_t writing_since = 0; // guarded by mutex_: ms, of the transaction
        const std::shared_ptr<WorkerPool::Lane> writer;
    };

    void post(std::vector<server::Job> jobs);
    AppLane* enqueue(server::WriterJob job);
    AppLane& lane_of(const server::Owner& owner);
    void write(AppLane& app);
    server::WriteResult run(AppLane& app, std::vector<server::WriterJob> jobs);
    void probe(AppLane& app);
    bool fetch_at_once(const server::FetchPage& job);
    void fetch_next();
    bool is_full();

    const ServerTuning tuning_;
    OpenStore open_store_; // until close(), both
    AddStore add_store_;
    std::atomic<bool> stop_{false};
    const server::WriteLimits limits_{tuning_, &stop_};
    std::vector<std::unique_ptr<AppLane>> apps_; // by their numbers
    server::Server engine_;
    WakeUp wake_up_;
    CompletionQueue<server::Outcome> outcomes_{wake_up_};
    std::mutex mutex_;
    std::mutex open_mutex_;
    bool signalled_ = false; // events wait for drain()
    std::atomic<std::uint64_t> commits_{0};
    std::int64_t probe_at_ = 0;
    const bool inline_;
    WorkerPool pool_;
    server::PageQueue pages_; // guarded by mutex_
    WorkerPool reader_pool_;  // pages wait for no writer
    std::vector<std::shared_ptr<WorkerPool::Lane>> readers_;
    std::size_t next_reader_ = 0;
};

} // namespace realmsync::runtime
