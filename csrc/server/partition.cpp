#include "server/partition.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/sorted_unique.hpp"
#include "server/session.hpp"

namespace realmsync::server {

void Partition::expose(std::uint64_t version) {
    if (version <= head)
        return;
    head = version;
    if (!is_flexible())
        for (auto& [binding, session] : sessions)
            session->on_head();
}

void Partition::settle(std::uint64_t version, const std::vector<Concern>& concerns) {
    expose(version);
    const std::uint64_t before = std::exchange(settled, std::max(settled, version));
    std::vector<Audience*> concerned;
    for (const Concern& concern : concerns) {
        const auto note = [&](Audience& audience) {
            audience.concerned.add(concern.version);
            concerned.push_back(&audience);
        };
        if (concern.is_for_all)
            for (auto& [group, audience] : audiences)
                note(audience);
        else
            for (const views::ViewGroupPtr& group : concern.groups)
                if (const auto found = audiences.find(group.get()); found != audiences.end())
                    note(found->second);
    }
    sort_unique(concerned);
    for (const Audience* audience : concerned)
        for (Session* session : audience->sessions)
            session->on_head();
    for (Session* session : std::exchange(unsettled, {}))
        session->on_head();
    if (is_flexible())
        visit(settled - before);
}

// Sessions whom nothing concerns are told now and then how far they are: else they would have all
// of it to look at when they come back, and their uploads to be merged with it. Each is visited
// once in so many versions that few commits cause a message.
void Partition::visit(std::uint64_t versions) {
    constexpr std::uint64_t kVersions = 1'000;
    const std::uint64_t interval = std::max<std::uint64_t>(kVersions, 4 * sessions.size());
    unvisited_ += sessions.size() * versions;
    const std::uint64_t due = std::min<std::uint64_t>(unvisited_ / interval, sessions.size());
    unvisited_ %= interval;
    for (std::uint64_t visited = 0; visited < due; ++visited) {
        auto next = sessions.upper_bound(visited_);
        if (next == sessions.end())
            next = sessions.begin();
        visited_ = next->first;
        next->second->on_visit(interval / 2);
    }
}

void Partition::settle_for_all(std::uint64_t version) {
    for (auto& [group, audience] : audiences)
        audience.concerned = ConcernedVersions(version);
    settle(version);
    if (is_flexible())
        for (auto& [binding, session] : sessions)
            session->on_head();
}

void Partition::join(const views::ViewGroup& group, Session& session) {
    audiences.try_emplace(&group, settled).first->second.sessions.insert(&session);
}

void Partition::leave(const views::ViewGroup& group, Session& session) {
    const auto found = audiences.find(&group);
    if (found == audiences.end())
        return;
    found->second.sessions.erase(&session);
    if (found->second.sessions.empty())
        audiences.erase(found);
}

FileClaim& Partition::end_bind(std::uint64_t file_ident) {
    FileClaim& claim = files[file_ident];
    REALMSYNC_ASSERT(claim.binds_in_flight > 0);
    --claim.binds_in_flight;
    return claim;
}

void Partition::tidy(std::uint64_t file_ident) {
    auto found = files.find(file_ident);
    if (found != files.end() && !found->second.holder && found->second.binds_in_flight == 0)
        files.erase(found);
}

Partition& PartitionDirectory::find_or_add(std::string_view app_id, std::string_view key) {
    auto [at, is_new] = by_key_.try_emplace({std::string(app_id), std::string(key)}, nullptr);
    if (is_new) {
        auto partition = std::make_unique<Partition>();
        partition->handle = next_handle_++;
        partition->app_id = app_id;
        partition->key = key;
        at->second = partition.get();
        by_handle_.emplace(partition->handle, std::move(partition));
    }
    return *at->second;
}

Partition* PartitionDirectory::find(std::uint64_t handle) {
    auto found = by_handle_.find(handle);
    return found == by_handle_.end() ? nullptr : found->second.get();
}

void PartitionDirectory::retire(Partition& partition) {
    if (!std::exchange(partition.is_retired, true))
        by_key_.erase({partition.app_id, partition.key});
}

void PartitionDirectory::evict(Partition& partition) {
    retire(partition);
    by_handle_.erase(partition.handle);
}

} // namespace realmsync::server
