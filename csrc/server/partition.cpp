#include "server/partition.hpp"

#include "base/assert.hpp"
#include "server/session.hpp"

namespace realmsync::server {

void Partition::expose(std::uint64_t version) {
    if (version <= head)
        return;
    head = version;
    for (auto& [binding, session] : sessions)
        session->on_head();
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
