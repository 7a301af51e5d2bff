#include "realm/merge_peer.hpp"

#include <algorithm>

#include "changeset/codec.hpp"
#include "tables/apply.hpp"
#include "tables/complete_clears.hpp"

namespace realmsync::realm {

namespace {

sqlite::DatabaseOptions in_memory() {
    sqlite::DatabaseOptions options;
    options.durability = sqlite::Durability::off;
    return options;
}

} // namespace

// What another peer has not seen of the history. Reciprocals are handed over when all went well.
class MergePeer::PeerWindow final : public merge::Window {
  public:
    PeerWindow(const MergePeer& peer, std::uint64_t remote, const Reciprocals& reciprocals)
        : peer_(peer), remote_(remote), reciprocals_(reciprocals) {}

    std::vector<merge::WindowEntry> entries_after(std::uint64_t base) override {
        const auto& entries = peer_.entries_;
        auto entry = std::upper_bound(
            entries.begin(), entries.end(), base,
            [](std::uint64_t version, const Entry& e) { return version < e.version; });
        std::vector<merge::WindowEntry> window;
        window.reserve(static_cast<std::size_t>(entries.end() - entry));
        for (; entry != entries.end(); ++entry) {
            if (entry->via == remote_ || entry->changeset->empty())
                continue;
            const auto slot = static_cast<std::uint64_t>(entry - entries.begin());
            auto reciprocal = reciprocals_.find(slot);
            window.push_back(
                {entry->version, entry->origin,
                 value_or_throw(changeset::parse(
                     reciprocal == reciprocals_.end() ? entry->changeset : reciprocal->second)),
                 slot});
        }
        return window;
    }

    void store_reciprocal(const merge::WindowEntry& entry, std::string_view bytes) override {
        changed.emplace_back(entry.slot, std::make_shared<const std::string>(bytes));
    }

    std::vector<std::pair<std::uint64_t, std::shared_ptr<const std::string>>> changed;

  private:
    const MergePeer& peer_;
    const std::uint64_t remote_;
    const Reciprocals& reciprocals_;
};

MergePeer::MergePeer(std::uint64_t file_ident, merge::Profile profile)
    : file_ident_(file_ident), profile_(profile), db_(":memory:", in_memory()),
      tables_(tables::Tables::create(db_, tables::Layout::client)) {}

std::uint64_t MergePeer::version() const {
    std::lock_guard lock(mutex_);
    return version_;
}

std::uint64_t MergePeer::commit(std::string changeset, std::uint64_t timestamp) {
    std::lock_guard lock(mutex_);
    auto bytes = std::make_shared<const std::string>(std::move(changeset));
    const changeset::Changeset parsed = value_or_throw(changeset::parse(bytes));
    sqlite::Transaction transaction(db_);
    tables::Applier applier(tables_);
    applier.apply(parsed);
    applier.flush();
    transaction.commit();
    entries_.push_back({++version_, 0, {timestamp, file_ident_}, std::move(bytes)});
    return version_;
}

std::string MergePeer::integrate(std::uint64_t remote_ident,
                                 const std::vector<ReceivedChangeset>& changesets) {
    std::lock_guard lock(mutex_);
    std::vector<changeset::Changeset> parsed;
    std::vector<merge::Incoming> incoming;
    parsed.reserve(changesets.size());
    incoming.reserve(changesets.size());
    const model::SchemaPtr schema = tables_.schema();
    std::uint64_t remote_version = 0;
    for (const ReceivedChangeset& received : changesets) {
        if (received.origin_file_ident == 0 || received.origin_file_ident == file_ident_)
            raise(ErrorKind::bad_progress, "A received changeset has another peer's origin, not " +
                                               std::to_string(received.origin_file_ident) + ".");
        if (received.last_integrated_local_version > version_)
            raise(ErrorKind::bad_progress,
                  "The sender cannot have integrated version " +
                      std::to_string(received.last_integrated_local_version) + " of " +
                      std::to_string(version_) + ".");
        if (received.remote_version < remote_version)
            raise(ErrorKind::bad_progress, "The versions of the changesets descend.");
        remote_version = received.remote_version;
        parsed.push_back(value_or_throw(changeset::parse(received.changeset)));
        if (profile_ != merge::Profile::strict)
            tables::complete_clears(parsed.back(), *schema);
        incoming.push_back({received.last_integrated_local_version,
                            {received.origin_timestamp, received.origin_file_ident},
                            &parsed.back()});
    }
    Reciprocals& reciprocals = reciprocals_[remote_ident];
    PeerWindow window(*this, remote_ident, reciprocals);
    value_or_throw(merge::transform(window, incoming, profile_));

    sqlite::Transaction transaction(db_);
    tables::Applier applier(tables_);
    std::vector<Entry> entries;
    entries.reserve(changesets.size());
    std::string result;
    for (std::size_t n = 0; n < parsed.size(); ++n) {
        applier.apply(parsed[n]);
        auto bytes = std::make_shared<const std::string>(changeset::encode(parsed[n]));
        result += *bytes;
        entries.push_back({version_ + 1, remote_ident, incoming[n].origin, std::move(bytes)});
    }
    applier.flush();
    transaction.commit();
    ++version_;
    std::move(entries.begin(), entries.end(), std::back_inserter(entries_));
    for (auto& [slot, bytes] : window.changed)
        reciprocals.insert_or_assign(slot, std::move(bytes));
    return result;
}

} // namespace realmsync::realm
