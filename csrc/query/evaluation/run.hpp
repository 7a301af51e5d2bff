// One run of a query over one version of the data: the objects, what the run has cost so far, and
// what it has found out already about objects that are met again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "query/values/image.hpp"
#include "query/work.hpp"

namespace realmsync::query {

class Condition; // condition.hpp

class Run {
  public:
    // The graph is kept alive; what it shows does not change during the run.
    explicit Run(Graph& graph, const WorkLimits& limits = {}) : graph_(graph), work_(limits) {}
    ~Run();

    static constexpr std::uint64_t kLink = 8; // steps for an object that a link leads to

    Work& work() { return work_; }
    void spend(std::uint64_t steps) { work_.spend(steps); }

    // As those of Graph. Who is visited by sources() has to be paid by whoever visits.
    const Image* target(const model::Class& cls, const Key& key) {
        spend(kLink);
        return graph_.target(cls, key);
    }
    void sources(const model::Class& cls, std::size_t property, const Image& to,
                 const std::function<bool(const Image&)>& visit) {
        spend(kLink);
        graph_.sources(cls, property, to, visit);
    }

    // Whether an object that others lead to matches. An answer that was dear is remembered, so that
    // SUBQUERYs within each other cost their number times that of objects, not its power.
    bool ask(const std::shared_ptr<const Condition>& predicate, const Image& object);

  private:
    struct Named { // of an object that has a key; borrowed from keys_, or for a look
        const model::Class* cls;
        Key key;
        bool operator==(const Named& other) const {
            return cls == other.cls && model::equal(key, other.key);
        }
    };
    struct Hash {
        std::size_t operator()(const Named& named) const { return model::hash(named.key); }
    };
    struct Answers {
        std::shared_ptr<const Condition> predicate; // so that its address stays its own
        std::vector<std::uint8_t> by_number;        // 0: not known, else 1 or, if it matches, 2
    };

    std::optional<bool> recall(const Condition& predicate, const Image& object) const;
    void remember(const std::shared_ptr<const Condition>& predicate, const Image& object,
                  bool answer);

    Graph& graph_;
    Work work_;
    std::unordered_map<const Condition*, Answers> answers_;
    std::unordered_map<Named, std::size_t, Hash> numbers_; // of objects that answers are about
    std::deque<model::ObjectKey> keys_;
    std::size_t memory_ = 0; // bytes, about
};

} // namespace realmsync::query
