// Objects that somebody observes, and what has become of each since the last look
// (data-model.md 22.3, "Objects"): which of its own properties were written, or that it is gone.
// What commits have written comes from change_journal.hpp; where that does not tell, and for links
// whose targets were erased, a value is compared with the digest of what was told before. Threads,
// and who is told, are bindings/realm/live_objects.hpp's business.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/schema.hpp"
#include "model/value.hpp"
#include "realm/touched_objects.hpp"
#include "tables/tables.hpp"

namespace realmsync::realm {

class ObservedObjects {
  public:
    struct News {
        std::uint64_t number; // of the observer
        bool is_first = false;
        bool is_deleted = false;             // and no more comes
        std::vector<std::string> properties; // names of what has changed, in the class's order
    };

    void add(std::uint64_t number, std::string_view cls, const Key& key);
    void remove(std::uint64_t number);

    // What is new in a snapshot since the last one, between which these objects were touched.
    // O(objects that were touched, or that are observed if that is less, and the bytes of what was
    // written in them); of all that are observed where nobody knows what was touched, and of those
    // with links to the class where objects of it were erased.
    std::vector<News> look(tables::Tables& tables, const TouchedObjects& touched);

  private:
    struct Hash {
        std::size_t operator()(const model::ObjectKey& key) const {
            return model::hash(key.view());
        }
    };
    struct Equal {
        bool operator()(const model::ObjectKey& a, const model::ObjectKey& b) const {
            return model::equal(a.view(), b.view());
        }
    };
    struct Observed {
        std::vector<std::uint64_t> told, fresh;                    // observers
        std::map<std::string, std::uint64_t, std::less<>> digests; // by property
    };
    using OfClass = std::unordered_map<model::ObjectKey, Observed, Hash, Equal>;
    class Look;

    std::map<std::string, OfClass, std::less<>> classes_;
    std::unordered_map<std::uint64_t, std::pair<std::string, model::ObjectKey>> observers_;
    std::vector<std::pair<std::string, model::ObjectKey>> fresh_; // have new observers
};

} // namespace realmsync::realm
