// The client engine coupled to realm files.
#include "runtime/client_runtime.hpp"

#include <chrono>
#include <utility>

namespace realmsync::runtime {

// Tells the engine of local commits, until the runtime forgets the session.
class ClientRuntime::CommitForwarder final : public client::CommitListener {
  public:
    CommitForwarder(ClientRuntime& runtime, std::uint64_t session)
        : runtime_(&runtime), session_(session) {}

    void on_commit(std::uint64_t version) override {
        std::lock_guard lock(mutex_);
        if (runtime_)
            runtime_->committed(session_, version);
    }
    void detach() {
        std::lock_guard lock(mutex_);
        runtime_ = nullptr;
    }

  private:
    std::mutex mutex_;
    ClientRuntime* runtime_;
    const std::uint64_t session_;
};

ClientRuntime::ClientRuntime(unsigned workers, std::uint64_t seed, const ClientTuning& tuning)
    : engine_(tuning, seed), pool_(workers) {}

ClientRuntime::~ClientRuntime() {
    for (auto& [session, file] : files_)
        file.forwarder->detach();
    close();
}

std::uint64_t ClientRuntime::add_session(const std::shared_ptr<client::ClientStore>& store,
                                         client::SyncSessionConfig config) {
    std::shared_ptr<CommitForwarder> forwarder;
    std::uint64_t session = 0;
    {
        std::lock_guard lock(mutex_);
        session = engine_.add_session(std::move(config));
        forwarder = std::make_shared<CommitForwarder>(*this, session);
        files_.emplace(session, File{store, pool_.make_lane(), forwarder});
    }
    store->add_listener(forwarder);
    return session;
}

void ClientRuntime::remove_session(std::uint64_t session) {
    File file;
    {
        std::lock_guard lock(mutex_);
        const auto found = files_.find(session);
        if (found == files_.end())
            return;
        file = std::move(found->second);
        files_.erase(found);
        engine_.forget(session);
    }
    file.forwarder->detach(); // without mutex_: a commit may hold its lock
}

void ClientRuntime::committed(std::uint64_t session, std::uint64_t version) {
    with(session, [version](client::SyncSession& s) { s.on_commit(version); });
}

void ClientRuntime::connected(std::uint64_t socket, std::string_view subprotocol,
                              std::int64_t now) {
    std::lock_guard lock(mutex_);
    engine_.connected(socket, subprotocol, now);
    pump();
}

void ClientRuntime::connect_failed(std::uint64_t socket, std::string_view failure, int http_status,
                                   std::string_view message, std::int64_t now) {
    std::lock_guard lock(mutex_);
    engine_.connect_failed(socket, failure, http_status, message, now);
    pump();
}

void ClientRuntime::receive(std::uint64_t socket, std::string_view bytes, std::int64_t now) {
    std::lock_guard lock(mutex_);
    engine_.receive(socket, bytes, now);
    pump();
}

void ClientRuntime::refuse(std::uint64_t socket, std::string_view first_bytes, std::uint64_t size,
                           std::int64_t now) {
    std::lock_guard lock(mutex_);
    engine_.refuse(socket, first_bytes, size, now);
    pump();
}

std::optional<std::string> ClientRuntime::next_message(std::uint64_t socket, std::int64_t now) {
    std::lock_guard lock(mutex_);
    auto message = engine_.next_message(socket, now);
    pump();
    return message;
}

void ClientRuntime::closed(std::uint64_t socket, std::optional<int> code, std::string_view reason,
                           std::int64_t now) {
    std::lock_guard lock(mutex_);
    engine_.closed(socket, code, reason, now);
    pump();
}

std::vector<client::Event> ClientRuntime::drain(std::int64_t now) {
    std::lock_guard lock(mutex_);
    wake_up_.reset();
    engine_.on_timer(now);
    for (auto results = results_.take(); !results.empty(); results = results_.take()) {
        for (client::StoreResult& result : results)
            engine_.on_outcome(std::move(result), now);
        pump();
    }
    pump();
    signalled_ = false;
    return engine_.take_events();
}

std::optional<std::int64_t> ClientRuntime::deadline() {
    std::lock_guard lock(mutex_);
    announced_deadline_ = engine_.deadline();
    return announced_deadline_;
}

std::int64_t ClientRuntime::now() const {
    using namespace std::chrono;
    return pool_.is_inline()
               ? 0 // for the engine, whose time never goes back: as late as it was
               : duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

void ClientRuntime::pump() {
    for (client::StoreJob& job : engine_.take_jobs()) {
        const auto found = files_.find(job.sync_session);
        if (found == files_.end())
            continue;
        const File& file = found->second;
        // std::function wants copyable contents.
        auto shared = std::make_shared<client::StoreJob>(std::move(job));
        pool_.post(file.lane, [this, store = file.store, shared]() mutable {
            client::StoreResult result = client::run(std::move(*shared), *store, &stop_);
            store.reset(); // whoever learns the result may move the file away and open it anew
            results_.push(std::move(result));
        });
    }
    const auto deadline = engine_.deadline();
    const bool is_earlier = deadline && (!announced_deadline_ || *deadline < *announced_deadline_);
    if (!signalled_ && (engine_.has_events() || is_earlier)) {
        signalled_ = true;
        wake_up_.signal();
    }
}

} // namespace realmsync::runtime
