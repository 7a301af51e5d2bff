#include "realm/subscription_list.hpp"

#include <algorithm>

namespace realmsync::realm {

namespace {

auto is_named(std::string_view name) {
    return [name](const Subscription& s) { return s.name && *s.name == name; };
}

auto asks(std::string_view cls, std::string_view query) {
    return [cls, query](const Subscription& s) { return s.cls == cls && s.query == query; };
}

template <class Is>
const Subscription* find_if(const SubscriptionList::Items& items, const Is& is) {
    const auto found = std::ranges::find_if(items, is);
    return found == items.end() ? nullptr : &*found;
}

} // namespace

const Subscription* SubscriptionList::find(std::string_view name) const {
    return find_if(items_, is_named(name));
}

const Subscription* SubscriptionList::find(std::string_view cls, std::string_view query) const {
    return find_if(items_, asks(cls, query));
}

std::pair<const Subscription&, bool> SubscriptionList::insert_or_assign(Subscription added) {
    const auto found = std::ranges::find_if(items_, [&](const Subscription& s) {
        return s.name == added.name && (s.name || asks(added.cls, added.query)(s));
    });
    if (found == items_.end())
        return {items_.emplace_back(std::move(added)), true};
    found->cls = std::move(added.cls);
    found->query = std::move(added.query);
    found->updated_ms = added.updated_ms;
    return {*found, false};
}

template <class Is> bool SubscriptionList::erase_first(const Is& is) {
    const auto found = std::ranges::find_if(items_, is);
    if (found == items_.end())
        return false;
    std::swap(*found, items_.back());
    items_.pop_back();
    return true;
}

template <class Is> std::size_t SubscriptionList::erase_all(const Is& is) {
    std::size_t count = 0;
    while (erase_first(is))
        ++count;
    return count;
}

bool SubscriptionList::erase_name(std::string_view name) { return erase_first(is_named(name)); }

bool SubscriptionList::erase_query(std::string_view cls, std::string_view query) {
    return erase_first(asks(cls, query));
}

bool SubscriptionList::erase_id(std::string_view id) {
    return erase_first([id](const Subscription& s) { return s.id == id; });
}

std::size_t SubscriptionList::erase_class(std::string_view cls) {
    return erase_all([cls](const Subscription& s) { return s.cls == cls; });
}

std::size_t SubscriptionList::erase_unnamed() {
    return erase_all([](const Subscription& s) { return !s.name; });
}

std::size_t SubscriptionList::clear() {
    const std::size_t count = items_.size();
    items_.clear();
    return count;
}

} // namespace realmsync::realm
