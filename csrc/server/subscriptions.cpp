#include "server/subscriptions.hpp"

#include <utility>

#include "views/view_index.hpp"

namespace realmsync::server {

bool Subscriptions::hear(std::int64_t query_version) {
    if (query_version <= newest_)
        return false;
    const bool is_ident = std::exchange(newest_, query_version) == -1;
    if (is_ident)
        version_ = query_version;
    else
        ++heard_;
    return true;
}

void Subscriptions::begin(const BoundFile& file) {
    group_ = file.group;
    bootstrap_ = file.bootstrap;
    own_ = ConcernedVersions(file.head);
    served_schema_version_ = file.served_schema_version;
}

// What is held is brought up to date before a bootstrap, so that its objects need not come anew;
// where nothing is shown yet there is nothing to bring.
void Subscriptions::answer(std::int64_t query_version, std::variant<Subscribed, BadQuery> answer) {
    ++answered_;
    if (auto* bad = std::get_if<BadQuery>(&answer)) {
        refused_.push_back({query_version, std::move(bad->message)});
        return;
    }
    auto& subscribed = std::get<Subscribed>(answer);
    Next next{std::move(subscribed.bootstrap), answered_, subscribed.start};
    if (stage_ == Stage::concluding || stage_ == Stage::concluded) {
        if (next_)
            next.stands_for = next_->stands_for;
        next_ = std::move(next);
        return;
    }
    if (bootstrap_)
        next.stands_for = stands_for_;
    start(std::move(next));
}

void Subscriptions::cancel() {
    heard_ = answered_;
    awaits_early_begin_ = false;
}

void Subscriptions::forget() {
    cancel();
    group_.reset();
    next_group_.reset();
    bootstrap_.reset();
    next_.reset();
    keep(nullptr);
    stage_ = Stage::making;
}

std::vector<std::shared_ptr<const views::View>> Subscriptions::views() const {
    std::vector<std::shared_ptr<const views::View>> views;
    for (const views::ViewGroupPtr& group : {group_, next_group_})
        if (group)
            views.push_back(group->view);
    for (const auto& bootstrap : {bootstrap_, next_ ? next_->bootstrap : nullptr}) {
        if (!bootstrap)
            continue;
        views.push_back(bootstrap->view);
        if (bootstrap->old)
            views.push_back(bootstrap->old);
        for (const Bootstrap::Unfinished& unfinished : bootstrap->unfinished)
            views.push_back(unfinished.view);
    }
    return views;
}

void Subscriptions::keep(std::shared_ptr<BootstrapProgress> progress) {
    progress_ = std::move(progress);
    progress_bytes_ = progress_ ? progress_->bytes() : 0;
}

void Subscriptions::start(Next next) {
    bootstrap_ = std::move(next.bootstrap);
    stands_for_ = next.stands_for;
    drain_to_ = group_ ? next.drain_to : 0;
    keep(nullptr);
    stage_ = Stage::making;
}

bool Subscriptions::is_settled(std::uint64_t count) const {
    return answered_ >= count && refused_.empty() && !(bootstrap_ && stands_for_ <= count) &&
           !(next_ && next_->stands_for <= count);
}

Subscriptions::Refused Subscriptions::take_refused() {
    Refused first = std::move(refused_.front());
    refused_.pop_front();
    return first;
}

void Subscriptions::fill(PageRequest& request) const {
    if (is_bootstrap_due(request.cursor.server_version)) {
        request.bootstrap = bootstrap_;
        request.progress = progress_;
    } else {
        request.view = group_ ? group_->view : nullptr;
        request.up_to = bootstrap_ ? drain_to_ : 0;
    }
}

void Subscriptions::on_page(const Page& page) {
    keep(page.bootstrap_progress);
    if (page.is_last)
        stage_ = Stage::found;
}

void Subscriptions::on_concluded(const Page& page, views::ViewGroupPtr group) {
    keep(page.bootstrap_progress);
    stage_ = page.is_last ? Stage::concluded : Stage::making;
    next_group_ = std::move(group);
}

// Query sets that came meanwhile have one of their own, which begins early in its turn if need be.
void Subscriptions::begin_early(const std::shared_ptr<const Bootstrap>& bootstrap) {
    awaits_early_begin_ = false;
    if (!bootstrap_)
        start({bootstrap, 0, 0});
    else if (bootstrap_ == bootstrap)
        drain_to_ = 0;
}

void Subscriptions::on_sent() {
    version_ = bootstrap_->query_version;
    group_ = std::exchange(next_group_, nullptr);
    bootstrap_.reset();
    keep(nullptr);
    stage_ = Stage::making;
    if (next_)
        start(*std::exchange(next_, std::nullopt));
}

} // namespace realmsync::server
