#include "server/partition.hpp"

#include "server/session.hpp"

namespace realmsync::server {

void Partition::expose(std::uint64_t version) {
    if (version <= head)
        return;
    head = version;
    for (auto& [binding, session] : sessions)
        session->on_head();
}

void Partition::tidy(std::uint64_t file_ident) {
    auto found = files.find(file_ident);
    if (found != files.end() && !found->second.holder && found->second.binds_in_flight == 0)
        files.erase(found);
}

std::pair<Partition*, bool> PartitionDirectory::find_or_add(std::string_view app_id,
                                                            std::string_view key) {
    auto [at, is_new] = by_key_.try_emplace({std::string(app_id), std::string(key)}, nullptr);
    if (is_new) {
        auto partition = std::make_unique<Partition>();
        partition->slot = next_slot_++;
        partition->app_id = app_id;
        partition->key = key;
        at->second = partition.get();
        by_slot_.emplace(partition->slot, std::move(partition));
    }
    return {at->second, is_new};
}

Partition* PartitionDirectory::find(std::uint64_t slot) {
    auto found = by_slot_.find(slot);
    return found == by_slot_.end() ? nullptr : found->second.get();
}

void PartitionDirectory::evict(Partition& partition) {
    by_key_.erase({partition.app_id, partition.key});
    by_slot_.erase(partition.slot);
}

} // namespace realmsync::server
