// Who holds how many bytes of pages: those that wait for their turn on a connection, with what
// their bootstraps have found, and those that a socket has not taken yet. Clients that do not read
// could fill the memory of the process otherwise; when it is used up the user who holds most gives
// up first. A page that waits is made again later; a session that is brought to a view, and a
// connection that holds a page on its way, end, and their clients come back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "server/job.hpp"

namespace realmsync::server {

class PageMemory {
  public:
    explicit PageMemory(std::uint64_t limit) : limit_(limit) {}

    // What `session` holds, or with session 0 the message that its connection is sending.
    void set(Flow flow, const SessionRef& holder, std::uint64_t bytes) {
        remove(flow, holder);
        if (bytes == 0)
            return;
        Holdings& holdings = flows_[flow];
        holdings.bytes += bytes;
        total_ += bytes;
        holdings.pages[{holder.connection, holder.binding}] = {holder, bytes};
    }
    void remove(Flow flow, const SessionRef& holder) {
        auto found = flows_.find(flow);
        if (found == flows_.end())
            return;
        auto& [bytes, pages] = found->second;
        auto page = pages.find({holder.connection, holder.binding});
        if (page == pages.end())
            return;
        bytes -= page->second.bytes;
        total_ -= page->second.bytes;
        pages.erase(page);
        if (pages.empty())
            flows_.erase(found);
    }
    // Who has to give up a page next; nothing while there is room. O(users who hold pages).
    std::optional<SessionRef> surplus() const {
        if (total_ <= limit_)
            return std::nullopt;
        const auto heaviest =
            std::max_element(flows_.begin(), flows_.end(), [](const auto& a, const auto& b) {
                return a.second.bytes < b.second.bytes;
            });
        const auto& pages = heaviest->second.pages;
        return std::max_element(
                   pages.begin(), pages.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes < b.second.bytes; })
            ->second.holder;
    }

  private:
    struct Key {
        ConnectionId connection;
        std::uint64_t binding; // 0: the connection
        bool operator==(const Key&) const = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const {
            return key.connection * 0x9e3779b97f4a7c15u ^ key.binding;
        }
    };
    struct Held {
        SessionRef holder;
        std::uint64_t bytes = 0;
    };
    struct Holdings { // of one user
        std::uint64_t bytes = 0;
        std::unordered_map<Key, Held, KeyHash> pages;
    };

    const std::uint64_t limit_;
    std::uint64_t total_ = 0;
    std::unordered_map<Flow, Holdings> flows_;
};

} // namespace realmsync::server
