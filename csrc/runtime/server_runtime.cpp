#include "runtime/server_runtime.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

namespace realmsync::runtime {

using namespace server;

ServerRuntime::ServerRuntime(OpenStore open_store, unsigned workers, std::uint64_t seed,
                             const ServerTuning& tuning)
    : tuning_(tuning), open_store_(std::move(open_store)), engine_(tuning, seed),
      inline_(workers == 0), pool_(workers) {
    for (unsigned i = 1; i < std::max(workers, 2u); ++i)
        readers_.push_back(pool_.make_lane());
#ifdef __GLIBC__
    // A worker's heap grows and shrinks by a few hundred KiB with every upload; in the allocator's
    // small steps that is a system call and a dozen page faults each time.
    ::mallopt(M_TOP_PAD, 1 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 16 << 20);
#endif
}

ServerRuntime::~ServerRuntime() { close(); }

void ServerRuntime::close() {
    closed_ = true;
    stop_ = true;
    pool_.stop();
    for (auto& app : apps_)
        app->store.reset();
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
    std::vector<Outcome> outcomes;
    do {
        if (inline_)
            post(engine_.take_jobs());
        outcomes = outcomes_.take();
        for (auto& outcome : outcomes)
            engine_.on_outcome(std::move(outcome), now);
    } while (inline_ && !outcomes.empty());
    auto events = engine_.take_events();
    pump();
    return events;
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
    if (closed_)
        return;
    for (auto& job : jobs) {
        if (auto* page = std::get_if<FetchPage>(&job)) {
            next_reader_ = (next_reader_ + 1) % readers_.size();
            AppLane& app = lane_of(page->owner);
            pool_.post(readers_[next_reader_],
                       [this, &app, request = *page] { fetch(app, request); });
        } else {
            post(std::move(std::get<WriterJob>(job)));
        }
    }
}

void ServerRuntime::post(WriterJob job) {
    AppLane& app = lane_of(owner_of(job));
    {
        std::lock_guard lock(mutex_);
        app.waiting.push(std::move(job));
        if (std::exchange(app.writing, true))
            return;
    }
    pool_.post(app.writer, [this, &app] { write(app); });
}

ServerRuntime::AppLane& ServerRuntime::lane_of(const Owner& owner) {
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
    }
    WriteResult result = run(app, std::move(jobs));
    if (stop_)
        return;
    for (auto& outcome : result.outcomes)
        outcomes_.push(std::move(outcome));
    commits_.fetch_add(1, std::memory_order_relaxed);
    {
        std::lock_guard lock(mutex_);
        app.waiting.settle(std::move(result.left), result.costs);
        app.writing = !app.waiting.empty();
        if (!app.writing)
            return;
    }
    pool_.post(app.writer, [this, &app] { write(app); });
}

WriteResult ServerRuntime::run(AppLane& app, std::vector<WriterJob> jobs) {
    if (!app.store) {
        // The first job of an app opens a partition, which names it.
        try {
            std::lock_guard lock(open_mutex_);
            app.store = open_store_(std::get<OpenPartition>(jobs.at(0)).app_id);
        } catch (const std::exception& e) {
            WriteResult failed;
            for (auto& job : jobs)
                failed.outcomes.push_back(
                    JobFailed{std::move(job), e.what(), FailureScope::medium});
            return failed;
        }
    }
    return run_write_batch(*app.store, std::move(jobs), limits_);
}

void ServerRuntime::fetch(AppLane& app, const FetchPage& job) {
    try {
        outcomes_.push(PageFetched{job.to, job.handle, app.store->fetch_page(job.request)});
    } catch (const std::exception& e) {
        outcomes_.push(JobFailed{job, e.what(), scope_of(e)});
    }
}

} // namespace realmsync::runtime
