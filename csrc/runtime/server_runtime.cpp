#include "runtime/server_runtime.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "server/write_batch.hpp"

namespace realmsync::runtime {

using namespace server;

ServerRuntime::ServerRuntime(std::unique_ptr<server::ServerStore> store, unsigned workers,
                             std::uint64_t seed, const ServerTuning& tuning)
    : tuning_(tuning), store_(std::move(store)), engine_(tuning, seed), inline_(workers == 0),
      pool_(workers), writer_(pool_.make_lane()) {
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
    pool_.stop();
    store_.reset();
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
    if (!store_)
        return; // closed
    std::vector<WriterJob> writes;
    for (auto& job : jobs) {
        if (auto* page = std::get_if<FetchPage>(&job)) {
            next_reader_ = (next_reader_ + 1) % readers_.size();
            pool_.post(readers_[next_reader_], [this, request = *page] { fetch(request); });
        } else {
            writes.push_back(std::move(std::get<WriterJob>(job)));
        }
    }
    if (writes.empty())
        return;
    bool idle = false;
    {
        std::lock_guard lock(mutex_);
        idle = !writing_;
        writing_ = true;
        std::move(writes.begin(), writes.end(), std::back_inserter(waiting_));
    }
    if (idle)
        pool_.post(writer_, [this] { write(); });
}

// One transaction; then another, after the other lanes' turn, for what has come meanwhile.
void ServerRuntime::write() {
    for (auto& outcome : run_write_batch(*store_, take_batch(), tuning_.inflated_bytes))
        outcomes_.push(std::move(outcome));
    commits_.fetch_add(1, std::memory_order_relaxed);
    {
        std::lock_guard lock(mutex_);
        writing_ = !waiting_.empty();
        if (!writing_)
            return;
    }
    pool_.post(writer_, [this] { write(); });
}

std::vector<WriterJob> ServerRuntime::take_batch() {
    std::vector<WriterJob> batch;
    std::uint64_t bytes = 0;
    std::lock_guard lock(mutex_);
    while (!waiting_.empty() && bytes < tuning_.commit_bytes &&
           batch.size() < tuning_.commit_jobs) {
        if (auto* append = std::get_if<Append>(&waiting_.front()))
            bytes += append->bytes;
        batch.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
    }
    return batch;
}

void ServerRuntime::fetch(const FetchPage& job) {
    try {
        outcomes_.push(PageFetched{job.to, job.handle, store_->fetch_page(job.request)});
    } catch (const std::exception& e) {
        outcomes_.push(JobFailed{job, e.what()});
    }
}

} // namespace realmsync::runtime
