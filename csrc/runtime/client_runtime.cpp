#include "runtime/client_runtime.hpp"

#include <chrono>
#include <utility>

namespace realmsync::runtime {

// Tells the engine of local commits, until the runtime forgets the session.
class ClientRuntime::Listener final : public client::CommitListener {
  public:
    Listener(ClientRuntime& runtime, std::uint64_t session)
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
        static_cast<Listener&>(*file.listener).detach();
    close();
}

std::uint64_t ClientRuntime::add_session(std::shared_ptr<client::ClientStore> store,
                                         client::SyncSessionConfig config) {
    std::shared_ptr<client::CommitListener> listener;
    std::uint64_t session;
    {
        std::lock_guard lock(mutex_);
        session = engine_.add_session(std::move(config));
        listener = std::make_shared<Listener>(*this, session);
        files_.emplace(session, File{store, pool_.make_lane(), listener});
    }
    store->add_listener(listener);
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
    static_cast<Listener&>(*file.listener).detach(); // without mutex_: a commit may hold its lock
}

void ClientRuntime::committed(std::uint64_t session, std::uint64_t version) {
    with(session, [version](client::SyncSession& s) { s.committed(version); });
}

void ClientRuntime::receive(std::uint64_t socket, std::string_view bytes, std::int64_t now) {
    call([&](client::Client& engine) {
        engine.set_time(now);
        engine.receive(socket, bytes);
    });
}

std::optional<std::string> ClientRuntime::next_message(std::uint64_t socket, std::size_t head_room,
                                                       std::int64_t now) {
    auto message = call([&](client::Client& engine) {
        engine.set_time(now);
        return engine.next_message(socket);
    });
    if (message)
        message->insert(0, head_room, '\0');
    return message;
}

std::vector<client::Event> ClientRuntime::drain(std::int64_t now) {
    std::lock_guard lock(mutex_);
    wake_up_.reset();
    engine_.set_time(now);
    engine_.advance();
    for (auto results = results_.take(); !results.empty(); results = results_.take()) {
        for (client::StoreResult& result : results)
            engine_.done(std::move(result));
        pump();
    }
    pump();
    signalled_ = false;
    return engine_.take_events();
}

std::optional<std::int64_t> ClientRuntime::deadline() {
    std::lock_guard lock(mutex_);
    announced_deadline_ = engine_.deadline();
    return announced_deadline_ < 0 ? std::nullopt : std::optional(announced_deadline_);
}

void ClientRuntime::tick() {
    using namespace std::chrono;
    if (!pool_.is_inline())
        engine_.set_time(
            duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

void ClientRuntime::pump() {
    engine_.settle();
    for (client::StoreJob& job : engine_.take_jobs()) {
        const auto found = files_.find(job.sync_session);
        if (found == files_.end())
            continue;
        const File& file = found->second;
        // std::function wants copyable contents.
        auto shared = std::make_shared<client::StoreJob>(std::move(job));
        pool_.post(file.lane, [this, store = file.store, shared] {
            results_.push(client::run(std::move(*shared), *store));
        });
    }
    const std::int64_t deadline = engine_.deadline();
    const bool earlier =
        deadline >= 0 && (announced_deadline_ < 0 || deadline < announced_deadline_);
    if (!signalled_ && (engine_.has_output() || earlier)) {
        signalled_ = true;
        wake_up_.signal();
    }
}

} // namespace realmsync::runtime
