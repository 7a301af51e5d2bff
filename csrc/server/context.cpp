#include "server/context.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/assert.hpp"
#include "server/connection.hpp"
#include "server/session.hpp"

namespace realmsync::server {

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

void Context::submit(FetchPage job, const Connection& of) {
    job.owner = of.owner();
    if (Partition* partition = partitions.find(job.handle))
        ++partition->jobs_in_flight;
    jobs.emplace_back(std::move(job));
}

void Context::wake_at(std::int64_t time) {
    next_timer = next_timer ? std::min(*next_timer, time) : time;
}

void Context::charge(Connection& connection, Partition& partition, std::uint64_t bytes) {
    partition.backlog_bytes += bytes;
    stats.backlog_bytes += bytes;
    const auto above = [&](std::uint64_t factor) {
        return partition.backlog_bytes > factor * tuning.partition_backlog_bytes ||
               stats.backlog_bytes > factor * tuning.process_backlog_bytes;
    };
    if (above(2)) {
        discharge(partition, bytes);
        connection.fail_for_now(wire::Code::connection_closed, "Too many uploads are waiting",
                                tuning.overload_backoff_s);
    } else if (above(1)) {
        connection.pause(partition);
    }
}

void Context::discharge(Partition& partition, std::uint64_t bytes) {
    REALMSYNC_ASSERT(partition.backlog_bytes >= bytes && stats.backlog_bytes >= bytes);
    partition.backlog_bytes -= bytes;
    stats.backlog_bytes -= bytes;
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

void Context::resume_readers() {
    if (stats.backlog_bytes > tuning.process_backlog_bytes / 2)
        return;
    std::erase_if(paused, [this](ConnectionId id) {
        Connection* reader = connection(id);
        if (!reader)
            return true;
        Partition* partition = partitions.find(reader->paused_for());
        if (partition && partition->backlog_bytes > tuning.partition_backlog_bytes / 2)
            return false;
        reader->resume();
        return true;
    });
}

void Context::forget_if_idle(Partition& partition) {
    const bool is_worth_it = partition.is_open() && partitions.size() <= tuning.idle_partitions;
    if (partition.is_idle() && !is_worth_it)
        partitions.evict(partition);
}

} // namespace realmsync::server
