// The subscriptions of one set, and how a set is edited (flexible-sync.md 3.6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace realmsync::realm {

struct Subscription {
    std::string id;                              // 12 bytes of an ObjectId
    std::int64_t created_ms = 0, updated_ms = 0; // since 1970
    std::optional<std::string> name;             // the empty one is a name, too
    std::string cls;
    std::string query; // as the server reads it
    bool operator==(const Subscription&) const = default;
};

// In the order of insertion, but for what removals move.
class SubscriptionList {
  public:
    using Items = std::vector<Subscription>;

    SubscriptionList() = default;
    explicit SubscriptionList(Items items) : items_(std::move(items)) {}
    const Items& items() const { return items_; }

    // First hits, or null. O(n).
    const Subscription* find(std::string_view name) const;
    const Subscription* find(std::string_view cls, std::string_view query) const;

    // The subscription as it is in the set now, and whether it is a new one: a named one takes the
    // place of that with its name, an anonymous one is the same as an anonymous one of equal text.
    // What is there keeps its id and when it was created.
    std::pair<const Subscription&, bool> insert_or_assign(Subscription subscription);

    // How many were removed. The last one moves to where the removed one was. By query: the first
    // one with that text, named or not.
    bool erase_name(std::string_view name);
    bool erase_query(std::string_view cls, std::string_view query);
    bool erase_id(std::string_view id);
    std::size_t erase_class(std::string_view cls);
    std::size_t erase_unnamed();
    std::size_t clear();

    bool operator==(const SubscriptionList&) const = default;

  private:
    template <class Is> bool erase_first(const Is& is);
    template <class Is> std::size_t erase_all(const Is& is);

    Items items_;
};

} // namespace realmsync::realm
