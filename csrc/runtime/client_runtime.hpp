// The client engine coupled to realm files: one lane of workers per file, results back through one
// eventfd, a mutex around the engine, so that calls of the application come from any thread and
// what they change can be read on return. What the engine decides is in client/.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/client.hpp"
#include "client/store.hpp"
#include "runtime/completion_queue.hpp"
#include "runtime/worker_pool.hpp"
#include "tuning.hpp"

namespace realmsync::runtime {

class ClientRuntime {
  public:
    // With 0 workers jobs run inside the calls that cause them, for deterministic tests; their
    // results are taken in by drain() all the same.
    ClientRuntime(unsigned workers, std::uint64_t seed, const ClientTuning& tuning);
    ~ClientRuntime();

    int fileno() const { return wake_up_.fd(); } // readable: call drain()
    std::uint64_t add_session(const std::shared_ptr<client::ClientStore>& store,
                              client::SyncSessionConfig config);
    void remove_session(std::uint64_t session); // after Released: lets go of the file

    // Runs `use` on the engine, with the time. For everything that is not bound to a socket.
    template <class F> auto call(F&& use) {
        std::lock_guard lock(mutex_);
        if constexpr (std::is_void_v<decltype(use(engine_, now()))>) {
            use(engine_, now());
            pump();
        } else {
            auto result = use(engine_, now());
            pump();
            return result;
        }
    }
    // Runs `use` on a sync session; nothing if it is gone.
    template <class F> void with(std::uint64_t session, F&& use) {
        call([&](client::Client& engine, std::int64_t now) { engine.with(session, now, use); });
    }

    // From the transport, which names the time, by socket.
    void connected(std::uint64_t socket, std::string_view subprotocol, std::int64_t now);
    void connect_failed(std::uint64_t socket, std::string_view failure, int http_status,
                        std::string_view message, std::int64_t now);
    void receive(std::uint64_t socket, std::string_view bytes, std::int64_t now);
    void refuse(std::uint64_t socket, std::string_view first_bytes, std::uint64_t size,
                std::int64_t now);
    // Behind wire::kHeadRoom free bytes.
    std::optional<std::string> next_message(std::uint64_t socket, std::int64_t now);
    void closed(std::uint64_t socket, std::optional<int> code, std::string_view reason,
                std::int64_t now);
    // Takes in results of jobs and expired timers; gives what happened.
    std::vector<client::Event> drain(std::int64_t now);
    std::optional<std::int64_t> deadline();
    // Stops the workers: a running job ends soon, waiting ones are dropped; what they would have
    // stored is received again. Call without the GIL.
    void close() {
        stop_ = true;
        pool_.stop();
    }

  private:
    class CommitForwarder;
    struct File {
        std::shared_ptr<client::ClientStore> store;
        std::shared_ptr<WorkerPool::Lane> lane;
        std::shared_ptr<CommitForwarder> forwarder;
    };

    // The time of an application's call. With inline jobs it stands still between drain()s.
    std::int64_t now() const;
    void pump(); // with mutex_
    void committed(std::uint64_t session, std::uint64_t version);

    std::mutex mutex_;
    client::Client engine_;
    std::unordered_map<std::uint64_t, File> files_; // by sync session
    WakeUp wake_up_;
    CompletionQueue<client::StoreResult> results_{wake_up_};
    std::atomic<bool> stop_ = false;
    bool signalled_ = false;                         // since the last drain()
    std::optional<std::int64_t> announced_deadline_; // what the loop knows
    WorkerPool pool_;
};

} // namespace realmsync::runtime
