// The query sets of one session of flexible sync on their way: heard, understood by the store,
// brought about by bootstraps, or refused (flexible-sync.md 5.4, 6.2, 7.2, 17.10). Which page is
// due, and which MARK may be answered. What goes to the store and over the wire is session.cpp's.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/audience.hpp"
#include "server/store.hpp"

namespace realmsync::server {

class Subscriptions {
  public:
    // Query sets that the store has not understood yet, of one session: clients wait for a mark
    // after each, but need not.
    static constexpr std::uint64_t kAtOnce = 100;

    struct Refused {
        std::int64_t query_version;
        std::string message;
    };

    // IDENT's number, before the file is bound; and a QUERY's. False: they do not ascend.
    bool hear(std::int64_t query_version);
    bool is_full() const { return heard_ - answered_ >= kAtOnce; }
    // The file is bound.
    void begin(const BoundFile& file);
    // What the store says of a QUERY, in their order. The bootstrap before it, if it is not at its
    // end, is given up.
    void answer(std::int64_t query_version, std::variant<Subscribed, BadQuery> answer);
    // The session has failed: nothing that is on its way to the store will be answered. What is in
    // force stays, for the history that is still to be told.
    void cancel();
    // The session is over.
    void forget();

    // How many QUERYs there have been: for is_settled().
    std::uint64_t heard() const { return heard_; }
    // Whether the first so many have been refused or brought about, as far as the client knows, so
    // that a MARK behind them may be answered.
    bool is_settled(std::uint64_t count) const;

    // Whether the client says another version of the schema than its file is served under, and has
    // not been told: which that is.
    bool has_other_schema_version() const { return served_schema_version_.has_value(); }
    std::uint64_t take_served_schema_version() {
        return *std::exchange(served_schema_version_, std::nullopt);
    }
    bool has_refused() const { return !refused_.empty(); }
    Refused take_refused();

    // Whether the next page is one of a bootstrap; before, what the file holds is brought up to
    // where the query set was understood.
    bool is_bootstrap_due(std::uint64_t served) const {
        return bootstrap_ != nullptr && served >= drain_to_;
    }
    // Whether a page can be made: not behind the last one of a bootstrap, and something is shown.
    bool needs_page() const {
        if (awaits_early_begin_)
            return false;
        return bootstrap_ ? stage_ == Stage::making : group_ != nullptr && answered_ == heard_;
    }
    void fill(PageRequest& request) const;
    void on_page(const Page& page); // of the bootstrap

    // Whether a page of the history may be sent: what is in force does not change while a query set
    // is on its way, and the history ends where it was understood.
    bool may_show(const Page& page) const {
        return answered_ == heard_ &&
               !(bootstrap_ && page.progress.download.server_version > drain_to_);
    }

    // Everything is found: to be concluded, then sent, then in force.
    bool may_conclude() const { return stage_ == Stage::found && answered_ == heard_; }
    void conclude() { stage_ = Stage::concluding; }
    void on_concluded(const Page& page, views::ViewGroupPtr group); // or there is more of it
    void on_sent();                                                 // the last page

    // That the bootstrap holds, of what it has found: as of its last part, since the next one is
    // made by another thread.
    std::uint64_t bytes() const { return progress_bytes_; }

    // What is next of the history is too much for a page. `bootstrap`: what brings it, the one that
    // is due or an unasked one.
    void await_early_begin() { awaits_early_begin_ = true; }
    void begin_early(const std::shared_ptr<const Bootstrap>& bootstrap);

    // All that it holds.
    std::vector<std::shared_ptr<const views::View>> views() const;
    // Whose views it shares: what is in force, or null, and what is about to be.
    const views::ViewGroupPtr& group() const { return group_; }
    const views::ViewGroupPtr& next_group() const { return next_group_; }
    // Versions of the client file itself, or with something for it alone.
    ConcernedVersions& own() { return own_; }
    const ConcernedVersions& own() const { return own_; }
    // Where a cursor ends that nothing holds up, if all versions up to `settled` are known.
    std::uint64_t goal(std::uint64_t settled) const { return bootstrap_ ? drain_to_ : settled; }

    const std::shared_ptr<const Bootstrap>& bootstrap() const { return bootstrap_; }
    // Of the next page.
    std::int64_t query_version(bool is_of_bootstrap) const {
        return is_of_bootstrap ? bootstrap_->query_version : version_;
    }

  private:
    enum class Stage : std::uint8_t { making, found, concluding, concluded };
    struct Next { // a bootstrap after one that is at its end
        std::shared_ptr<const Bootstrap> bootstrap;
        std::uint64_t stands_for, drain_to;
    };

    void start(Next next);
    void keep(std::shared_ptr<BootstrapProgress> progress);

    std::int64_t newest_ = -1; // query version
    std::uint64_t heard_ = 0, answered_ = 0;
    std::int64_t version_ = 0; // in force
    views::ViewGroupPtr group_, next_group_;
    ConcernedVersions own_;
    std::shared_ptr<const Bootstrap> bootstrap_;  // under way
    std::shared_ptr<BootstrapProgress> progress_; // not to be looked into while a part is made
    std::uint64_t progress_bytes_ = 0;
    Stage stage_ = Stage::making;
    bool awaits_early_begin_ = false;
    std::uint64_t stands_for_ = 0; // the first QUERY that the bootstrap is the answer to; 0: IDENT
    std::uint64_t drain_to_ = 0;
    std::optional<Next> next_;
    std::deque<Refused> refused_;
    std::optional<std::uint64_t> served_schema_version_;
};

} // namespace realmsync::server
