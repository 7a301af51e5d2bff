// The client engine coupled to realm files: one lane of workers per file, results back through one
// eventfd, a mutex around the engine, so that calls of the application come from any thread and
// what they change can be read on return. What the engine decides is in client/.
#pragma once

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
    std::uint64_t add_session(std::shared_ptr<client::ClientStore> store,
                              client::SyncSessionConfig config);
    void remove_session(std::uint64_t session); // after Released: lets go of the file

    // Runs `use` on the engine. For everything that is not bound to a socket.
    template <class F> auto call(F&& use) {
        std::lock_guard lock(mutex_);
        tick();
        if constexpr (std::is_void_v<decltype(use(engine_))>) {
            use(engine_);
            pump();
        } else {
            auto result = use(engine_);
            pump();
            return result;
        }
    }
    // Runs `use` on a sync session; nothing if it is gone.
    template <class F> void with(std::uint64_t session, F&& use) {
        call([&](client::Client& engine) {
            if (client::SyncSession* s = engine.find(session))
                use(*s);
        });
    }

    void receive(std::uint64_t socket, std::string_view bytes, std::int64_t now);
    // The message behind `head_room` bytes for the transport.
    std::optional<std::string> next_message(std::uint64_t socket, std::size_t head_room,
                                            std::int64_t now);
    // Takes in results of jobs and expired timers; gives what happened.
    std::vector<client::Event> drain(std::int64_t now);
    std::optional<std::int64_t> deadline();
    // Stops the workers: a running job ends, waiting ones are dropped; what they would have stored
    // is received again. Call without the GIL.
    void close() { pool_.stop(); }

  private:
    class Listener;
    struct File {
        std::shared_ptr<client::ClientStore> store;
        std::shared_ptr<WorkerPool::Lane> lane;
        std::shared_ptr<client::CommitListener> listener;
    };

    void tick(); // calls of the application do not name the time; with inline jobs it stands still
    void pump(); // with mutex_
    void committed(std::uint64_t session, std::uint64_t version);

    std::mutex mutex_;
    client::Client engine_;
    std::unordered_map<std::uint64_t, File> files_; // by sync session
    WakeUp wake_up_;
    CompletionQueue<client::StoreResult> results_{wake_up_};
    bool signalled_ = false;               // since the last drain()
    std::int64_t announced_deadline_ = -1; // what the loop knows
    WorkerPool pool_;
};

} // namespace realmsync::runtime
