#include "server/view_memory.hpp"

#include <algorithm>
#include <utility>

#include "views/view.hpp"

namespace realmsync::server {

namespace {

std::uint64_t size_of(const views::View& view) {
    constexpr std::uint64_t kOverhead = 128;
    return view.identity().size() + kOverhead;
}

std::uint64_t size_of(const ViewMemory::Views& views) {
    std::uint64_t bytes = 0;
    for (const auto& view : views)
        bytes += size_of(*view);
    return bytes;
}

} // namespace

void ViewMemory::set(Flow user, const SessionRef& holder, Views views) {
    if (views.empty() && !users_.contains(user))
        return;
    Holdings& holdings = users_[user];
    total_ -= counted(holdings);
    Held& held = holdings.sessions[holder.binding];
    held.holder = holder;
    for (const auto& view : views)
        if (holdings.uses[view.get()]++ == 0)
            holdings.bytes += size_of(*view);
    for (const auto& view : std::exchange(held.views, std::move(views)))
        if (--holdings.uses.at(view.get()) == 0) {
            holdings.uses.erase(view.get());
            holdings.bytes -= size_of(*view);
        }
    total_ += counted(holdings);
    if (held.views.empty())
        holdings.sessions.erase(holder.binding);
    if (holdings.sessions.empty())
        users_.erase(user);
}

bool ViewMemory::is_above(Flow user) const {
    const auto found = users_.find(user);
    return found != users_.end() && found->second.bytes > kUserBytes &&
           found->second.sessions.size() > 1;
}

std::optional<SessionRef> ViewMemory::surplus() const {
    if (total_ <= kTotalBytes)
        return std::nullopt;
    const auto& [user, heaviest] =
        *std::ranges::max_element(users_, {}, [](const auto& entry) { return entry.second.bytes; });
    return std::ranges::max_element(heaviest.sessions, {},
                                    [](const auto& entry) { return size_of(entry.second.views); })
        ->second.holder;
}

std::uint64_t ViewMemory::counted(const Holdings& holdings) {
    return std::max(holdings.bytes, kFreeBytes) - kFreeBytes;
}

} // namespace realmsync::server
