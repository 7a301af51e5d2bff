#include "server/context.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/assert.hpp"
#include "server/connection.hpp"
#include "server/session.hpp"

namespace realmsync::server {

std::uint32_t Context::number_of(const std::string& app_id) {
    const auto [app, is_new] =
        apps.try_emplace(app_id, static_cast<std::uint32_t>(app_settings.size()));
    if (is_new)
        app_settings.emplace_back();
    return app->second;
}

Connection* Context::connection(ConnectionId id) {
    auto found = connections.find(id);
    return found == connections.end() ? nullptr : found->second.get();
}

Session* Context::session(const SessionRef& ref) {
    Connection* owner = connection(ref.connection);
    return owner ? owner->find(ref) : nullptr;
}

void Context::submit(WriterJob job, const Connection& of) {
    std::visit([&](auto& j) { j.owner = of.owner(); }, job);
    ++writer_jobs_in_flight;
    if (Partition* partition = partitions.find(handle_of(job)))
        ++partition->jobs_in_flight;
    jobs.emplace_back(std::move(job));
}

void Context::submit(Administer job) {
    ++writer_jobs_in_flight;
    jobs.emplace_back(WriterJob(std::move(job)));
}

void Context::submit(FetchPage job, const Connection& of) {
    job.owner = of.owner();
    if (Partition* partition = partitions.find(job.handle))
        ++partition->jobs_in_flight;
    jobs.emplace_back(std::move(job));
}

void Context::wake_at(std::int64_t time) {
    next_timer = next_timer ? std::min(*next_timer, time) : time;
}

void Context::release_progress(std::int64_t time) {
    while (!progress_due.empty() && progress_due.front().first <= time) {
        const SessionRef ref = progress_due.front().second;
        progress_due.pop_front();
        if (Session* waiting = session(ref))
            waiting->on_progress_due();
    }
}

void Context::charge(Connection& connection, std::uint64_t bytes) {
    const Flow user = connection.owner().flow;
    backlog.add(user, bytes);
    if (backlog.is_above(user, 2)) {
        discharge(user, bytes);
        connection.fail_for_now(wire::Code::connection_closed, "Too many uploads are waiting",
                                tuning.overload_backoff_s);
    } else if (backlog.is_above(user, 1)) {
        connection.pause();
    }
}

void Context::discharge(Flow user, std::uint64_t bytes) {
    backlog.remove(user, bytes);
    if (!paused.empty())
        resume_readers();
}

void Context::bound_page_memory() {
    while (const auto holder = page_memory.surplus()) {
        Connection* owner = connection(holder->connection);
        REALMSYNC_ASSERT(owner); // whoever is gone holds nothing
        if (Session* held = holder->binding != 0 ? session(*holder) : nullptr)
            held->give_up_page();
        else if (holder->binding == 0)
            owner->drop();
        page_memory.remove(owner->owner().flow, *holder);
    }
}

void Context::bound_view_memory() {
    while (const auto holder = view_memory.surplus()) {
        Connection* owner = connection(holder->connection);
        REALMSYNC_ASSERT(owner); // whoever is gone holds nothing
        if (Session* held = session(*holder))
            held->give_up_views();
        view_memory.set(owner->owner().flow, *holder, {});
    }
}

void Context::begin_bootstrap_turns() {
    while (const auto next = bootstrap_turns.next(now))
        if (Session* due = session(*next)) // else it is about to be detached
            due->on_bootstrap_turn();
}

void Context::end_bootstrap_turns() {
    while (const auto over = bootstrap_turns.over(now))
        session(*over)->end_bootstrap_turn();
}

void Context::resume_readers() {
    std::erase_if(paused, [this](ConnectionId id) {
        Connection* reader = connection(id);
        if (reader && !backlog.has_room(reader->owner().flow))
            return false;
        if (reader)
            reader->resume();
        return true;
    });
}

void Context::forget_if_idle(Partition& partition) {
    const bool is_worth_it =
        partition.is_open() && !partition.is_retired && partitions.size() <= tuning.idle_partitions;
    if (partition.is_idle() && !is_worth_it)
        partitions.evict(partition);
}

} // namespace realmsync::server
