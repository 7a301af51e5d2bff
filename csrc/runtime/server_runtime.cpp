#include "runtime/server_runtime.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <utility>

namespace realmsync::runtime {

using namespace server;

namespace {

constexpr std::int64_t kProbeInterval = 2'000; // ms, while the disk is full

std::int64_t steady_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

bool is_overload(const Outcome& outcome) {
    const auto* failed = std::get_if<JobFailed>(&outcome);
    return failed && failed->scope == FailureScope::overload;
}

} // namespace

ServerRuntime::ServerRuntime(OpenStore open_store, AddStore add_store, unsigned workers,
                             std::uint64_t seed, const ServerTuning& tuning, bool asks_permission)
    : tuning_(tuning), open_store_(std::move(open_store)), add_store_(std::move(add_store)),
      engine_(tuning, seed, asks_permission), inline_(workers == 0), pool_(workers),
      reader_pool_(inline_ ? 0 : std::max(workers, 2u) - 1) {
    for (unsigned i = 1; i < std::max(workers, 2u); ++i)
        readers_.push_back(reader_pool_.make_lane());
#ifdef __GLIBC__
    // A worker's heap grows and shrinks by a few hundred KiB with every upload; in the allocator's
    // small steps that is a system call and a dozen page faults each time.
    ::mallopt(M_TOP_PAD, 1 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 16 << 20);
#endif
}

ServerRuntime::~ServerRuntime() { close(); }

void ServerRuntime::close() {
    stop_ = true;
    pool_.stop();
    reader_pool_.stop();
    for (auto& app : apps_)
        app->store.reset();
    open_store_ = nullptr; // and with them the stores that no job has asked for
    add_store_ = nullptr;
}

ConnectionId ServerRuntime::open_connection(std::string_view app_id, std::string_view user_id,
                                            std::string_view subprotocol, std::int64_t now) {
    const ConnectionId id = engine_.open_connection(app_id, user_id, subprotocol, now);
    pump();
    return id;
}

void ServerRuntime::receive(ConnectionId connection, std::string_view message, std::int64_t now) {
    engine_.receive(connection, message, now);
    pump();
}

std::optional<std::string> ServerRuntime::next_message(ConnectionId connection, std::int64_t now) {
    auto message = engine_.next_message(connection, now);
    pump();
    return message;
}

void ServerRuntime::refuse(ConnectionId connection, std::string_view first_bytes,
                           std::uint64_t size, std::int64_t now) {
    engine_.refuse(connection, first_bytes, size, now);
    pump();
}

void ServerRuntime::revoke(ConnectionId connection, std::int64_t now) {
    engine_.revoke(connection, now);
    pump();
}

void ServerRuntime::take_over(ConnectionId connection, std::int64_t now) {
    engine_.take_over(connection, now);
    pump();
}

void ServerRuntime::authorize(ConnectionId connection, std::uint64_t session,
                              std::uint64_t question, std::optional<server::Permission> permission,
                              std::int64_t now) {
    engine_.authorize(connection, session, question, permission, now);
    pump();
}

void ServerRuntime::authorize_roles(ConnectionId connection, std::uint64_t session,
                                    std::uint64_t question,
                                    std::shared_ptr<const rules::SessionRoles> roles,
                                    std::int64_t now) {
    engine_.authorize_roles(connection, session, question, std::move(roles), now);
    pump();
}

void ServerRuntime::reauthorize(ConnectionId connection, std::int64_t now) {
    engine_.reauthorize(connection, now);
    pump();
}

void ServerRuntime::configure_app(const std::string& app_id, const AppSettings& settings,
                                  std::int64_t now) {
    {
        AppLane& app = lane_of({engine_.number_of(app_id), 0});
        std::lock_guard lock(mutex_);
        app.settings = settings;
    }
    engine_.configure_app(app_id, settings, now);
    pump();
}

void ServerRuntime::remove_app(const std::string& app_id, std::int64_t now) {
    engine_.remove_app(app_id, now);
    pump();
}

std::uint64_t ServerRuntime::administer(const std::string& app_id, Administration what,
                                        std::int64_t now) {
    const std::uint64_t task = engine_.administer(app_id, std::move(what), now);
    pump();
    return task;
}

void ServerRuntime::closed(ConnectionId connection) {
    engine_.closed(connection);
    pump();
}

void ServerRuntime::shutdown(std::int64_t now) {
    engine_.shutdown(now);
    pump();
}

std::vector<Event> ServerRuntime::drain(std::int64_t now) {
    wake_up_.reset();
    signalled_ = false;
    engine_.on_timer(now);
    if (is_full() && now >= probe_at_) {
        probe_at_ = now + kProbeInterval;
        for (auto& app : apps_)
            pool_.post(app->writer, [this, &target = *app] { probe(target); });
    }
    std::vector<Outcome> outcomes;
    do {
        if (inline_)
            post(engine_.take_jobs());
        outcomes = outcomes_.take();
        for (auto& outcome : outcomes)
            engine_.on_outcome(std::move(outcome), now);
    } while (inline_ && !outcomes.empty());
    if (!inline_)
        post(engine_.take_jobs());
    auto events = engine_.take_events();
    pump();
    return events;
}

std::optional<std::int64_t> ServerRuntime::deadline() {
    const auto due = engine_.deadline();
    if (!is_full())
        return due;
    return due ? std::min(*due, probe_at_) : probe_at_;
}

// Hands the engine's new jobs to the workers, and its events to whoever watches the descriptor.
void ServerRuntime::pump() {
    if (!inline_)
        post(engine_.take_jobs());
    if (engine_.has_events() && !signalled_) {
        signalled_ = true;
        wake_up_.signal();
    }
}

void ServerRuntime::post(std::vector<Job> jobs) {
    // What is answered at once may ask for more.
    for (; !jobs.empty() && !stop_; jobs = inline_ ? std::vector<Job>() : engine_.take_jobs()) {
        std::vector<AppLane*> idle; // begin when all jobs are there, for one transaction
        for (auto& job : jobs) {
            if (auto* write = std::get_if<WriterJob>(&job)) {
                if (AppLane* app = enqueue(std::move(*write)))
                    idle.push_back(app);
            } else if (auto& page = std::get<FetchPage>(job); inline_ || !fetch_at_once(page)) {
                {
                    std::lock_guard lock(mutex_);
                    pages_.push(std::move(page));
                }
                next_reader_ = (next_reader_ + 1) % readers_.size();
                reader_pool_.post(readers_[next_reader_], [this] { fetch_next(); });
            }
        }
        for (AppLane* app : idle)
            pool_.post(app->writer, [this, app] { write(*app); });
    }
}

// Acknowledgements and lone changes need no other thread: everything about them is in memory.
bool ServerRuntime::fetch_at_once(const FetchPage& job) {
    auto page = lane_of(job.owner).store->fetch_recent(job.request);
    if (page)
        engine_.on_outcome(PageFetched{job.to, job.handle, std::move(*page)}, engine_.now());
    return page.has_value();
}

// The lane that has to be started.
ServerRuntime::AppLane* ServerRuntime::enqueue(WriterJob job) {
    AppLane& app = lane_of(owner_of(job));
    std::lock_guard lock(mutex_);
    app.waiting.push(std::move(job));
    return std::exchange(app.writing, true) ? nullptr : &app;
}

ServerRuntime::AppLane& ServerRuntime::lane_of(const Owner& owner) {
    std::lock_guard lock(mutex_);
    while (apps_.size() <= owner.app)
        apps_.push_back(std::make_unique<AppLane>(tuning_, pool_.make_lane()));
    return *apps_[owner.app];
}

// One transaction; then another, after the other lanes' turn, for what has come meanwhile.
void ServerRuntime::write(AppLane& app) {
    std::vector<WriterJob> jobs;
    {
        std::lock_guard lock(mutex_);
        jobs = app.waiting.take();
        app.writing_since = steady_ms();
    }
    WriteResult result = run(app, std::move(jobs));
    if (stop_)
        return;
    const bool is_full = std::any_of(result.outcomes.begin(), result.outcomes.end(), is_overload);
    const bool has_written = !is_full && !result.outcomes.empty();
    for (auto& outcome : result.outcomes)
        outcomes_.push(std::move(outcome));
    commits_.fetch_add(1, std::memory_order_relaxed);
    {
        std::lock_guard lock(mutex_);
        app.is_full = is_full || (app.is_full && !has_written);
        app.writing_since = 0;
        app.waiting.settle(std::move(result.left), result.costs);
        app.writing = !app.waiting.empty();
        if (!app.writing)
            return;
    }
    pool_.post(app.writer, [this, &app] { write(app); });
}

// Nobody may ask for anything while the disk is full: whether there is room again is found out.
void ServerRuntime::probe(AppLane& app) {
    if (!app.store)
        return;
    try {
        app.store->begin();
        app.store->touch();
        app.store->commit();
    } catch (const std::exception&) {
        if (app.store->in_transaction())
            app.store->rollback();
        return;
    }
    std::lock_guard lock(mutex_);
    app.is_full = false;
}

bool ServerRuntime::is_full() {
    std::lock_guard lock(mutex_);
    return std::any_of(apps_.begin(), apps_.end(), [](const auto& app) { return app->is_full; });
}

ServerRuntime::Health ServerRuntime::health() {
    std::lock_guard lock(mutex_);
    Health health;
    for (const auto& app : apps_) {
        health.is_full = health.is_full || app->is_full;
        if (app->writing_since != 0)
            health.writing_ms = std::max(health.writing_ms, steady_ms() - app->writing_since);
    }
    return health;
}

WriteResult ServerRuntime::run(AppLane& app, std::vector<WriterJob> jobs) {
    if (!app.store) {
        // The first job of an app opens a partition or is an operator's, and names it.
        try {
            std::lock_guard lock(open_mutex_);
            const auto* first = std::get_if<OpenPartition>(&jobs.at(0));
            app.store =
                open_store_(first ? first->app_id : std::get<Administer>(jobs.at(0)).app_id);
        } catch (const std::exception& e) {
            const bool is_unknown = dynamic_cast<const std::invalid_argument*>(&e) != nullptr;
            WriteResult failed;
            for (auto& job : jobs)
                failed.outcomes.push_back(
                    JobFailed{std::move(job), e.what(),
                              is_unknown ? FailureScope::job : FailureScope::medium});
            return failed;
        }
    }
    std::optional<AppSettings> settings;
    {
        std::lock_guard lock(mutex_);
        settings = std::exchange(app.settings, std::nullopt);
    }
    if (settings)
        app.store->configure(*settings);
    return run_write_batch(*app.store, std::move(jobs), limits_);
}

void ServerRuntime::fetch_next() {
    std::unique_lock lock(mutex_);
    const FetchPage job = pages_.take();
    ServerStore& store = *apps_[job.owner.app]->store;
    lock.unlock();
    try {
        Page page = store.fetch_page(job.request);
        lock.lock();
        pages_.charge(job.owner.flow, page.body.uncompressed_size, page.work);
        lock.unlock();
        outcomes_.push(PageFetched{job.to, job.handle, std::move(page)});
    } catch (const std::exception& e) {
        outcomes_.push(JobFailed{job, e.what(), scope_of(e)});
    }
}

} // namespace realmsync::runtime
