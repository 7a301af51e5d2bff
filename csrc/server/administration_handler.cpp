#include "server/administration_handler.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/connection.hpp"
#include "server/session.hpp"

namespace realmsync::server {

using wire::Code;

void AdministrationHandler::begin(Administer job) {
    if (context.draining)
        return fail(job, "The server is stopping");
    context.submit(std::move(job));
}

void AdministrationHandler::take(AdministrationDone& done) {
    AdministrationResult& result = done.result;
    expose(done.job, result);
    reset_files(done.job, result);
    if (result.needs_announcement)
        return announce(std::move(done.job));
    if (result.has_begun_anew)
        retire_partitions(done.job);
    if (!result.is_done)
        return;
    context.resetting.erase(done.job.owner.app);
    const bool is_schema = std::holds_alternative<ReadSchema>(done.job.what);
    context.events.push_back(Administered{done.job.task, "",
                                          is_schema ? std::optional(result.schema) : std::nullopt,
                                          result.has_client_files});
}

void AdministrationHandler::fail(const Administer& job, const std::string& why) {
    context.resetting.erase(job.owner.app);
    context.events.push_back(Administered{job.task, why, std::nullopt, false});
}

void AdministrationHandler::expose(const Administer& job, const AdministrationResult& result) {
    if (result.heads.empty())
        return;
    const std::unordered_map<PartitionId, std::uint64_t> heads(result.heads.begin(),
                                                               result.heads.end());
    context.partitions.for_each_of(job.app_id, [&](Partition& partition) {
        if (const auto head = heads.find(partition.id); head != heads.end())
            partition.settle_for_all(head->second);
    });
}

void AdministrationHandler::reset_files(const Administer& job, const AdministrationResult& result) {
    for (const auto& [id, ident] : result.files)
        context.partitions.for_each_of(job.app_id, [&, id = id, ident = ident](Partition& p) {
            const auto claim = p.files.find(ident);
            if (p.id == id && claim != p.files.end() && claim->second.holder)
                claim->second.holder->fail(Code::bad_client_file_ident, kResetByOperator);
        });
}

std::size_t AdministrationHandler::end_sessions(const Administer& job) {
    const bool is_schema = std::holds_alternative<ReplaceSchema>(job.what);
    std::vector<Session*> sessions;
    context.partitions.for_each_of(job.app_id, [&](Partition& partition) {
        for (auto& [binding, session] : partition.sessions)
            sessions.push_back(session);
    });
    for (Session* session : sessions) {
        if (is_schema)
            session->fail(Code::bad_client_file, kBreakingSchema);
        else
            session->fail(Code::bad_client_file_ident, "Sync was terminated: histories begin anew");
    }
    return sessions.size();
}

void AdministrationHandler::announce(Administer job) {
    std::visit(
        [](auto& what) {
            if constexpr (requires { what.is_announced; })
                what.is_announced = true;
        },
        job.what);
    context.resetting.insert(job.owner.app);
    const bool anybody = end_sessions(job) != 0;
    if (!anybody || context.draining)
        return context.submit(std::move(job));
    const std::int64_t due = context.now + context.tuning.drain_ms;
    context.announced.emplace_back(due, std::move(job));
    context.wake_at(due);
}

void AdministrationHandler::submit_announced() {
    const auto due =
        std::stable_partition(context.announced.begin(), context.announced.end(),
                              [this](const auto& waiting) { return waiting.first > context.now; });
    std::vector<std::pair<std::int64_t, Administer>> ready(
        std::make_move_iterator(due), std::make_move_iterator(context.announced.end()));
    context.announced.erase(due, context.announced.end());
    for (auto& [at, job] : ready)
        context.submit(std::move(job));
}

// Whatever is on its way for the old ones comes back to them; who binds finds new ones.
void AdministrationHandler::retire_partitions(const Administer& job) {
    end_sessions(job);
    context.partitions.for_each_of(job.app_id, [this](Partition& partition) {
        if (!partition.is_open())
            return;
        context.partitions.retire(partition);
        context.forget_if_idle(partition);
    });
}

} // namespace realmsync::server
