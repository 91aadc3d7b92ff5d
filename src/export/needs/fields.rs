//! The fields of built-in kinds that name other objects.

/// A field that refers to another object: its path, where `[]` is each item of a list; the prefix of the other's keys;
/// whether the object requires the other.
pub(super) type Field = (&'static str, &'static str, bool);

/// Fields of a Pod's spec.
pub(super) const POD: &[Field] = &[
    ("serviceAccountName", "serviceaccounts/", true),
    ("imagePullSecrets[]", "secrets/", true),
    ("priorityClassName", "priorityclasses", true),
    ("runtimeClassName", "runtimeclasses", true),
    ("resourceClaims[].resourceClaimName", "resourceclaims/", true),
    ("resourceClaims[].resourceClaimTemplateName", "resourceclaimtemplates/", true),
    ("volumes[].configMap", "configmaps/", true),
    ("volumes[].secret", "secrets/", true),
    ("volumes[].persistentVolumeClaim", "persistentvolumeclaims/", true),
    ("volumes[].projected.sources[].configMap", "configmaps/", true),
    ("volumes[].projected.sources[].secret", "secrets/", true),
    ("volumes[].ephemeral.volumeClaimTemplate.spec.storageClassName", "storageclasses", true),
    ("volumes[].azureFile", "secrets/", true),
    ("volumes[].cephfs.secretRef", "secrets/", true),
    ("volumes[].csi.nodePublishSecretRef", "secrets/", true),
    ("volumes[].flexVolume.secretRef", "secrets/", true),
    ("volumes[].iscsi.secretRef", "secrets/", true),
    ("volumes[].rbd.secretRef", "secrets/", true),
    ("volumes[].scaleIO.secretRef", "secrets/", true),
    ("volumes[].storageos.secretRef", "secrets/", true),
];

/// Fields of a container.
pub(super) const CONTAINER: &[Field] = &[
    ("env[].valueFrom.configMapKeyRef", "configmaps/", true),
    ("env[].valueFrom.secretKeyRef", "secrets/", true),
    ("envFrom[].configMapRef", "configmaps/", true),
    ("envFrom[].secretRef", "secrets/", true),
];

/// Fields of a claim's spec. A bound claim needs its volume, and no class.
pub(super) const CLAIM: &[Field] = &[
    ("storageClassName", "storageclasses", true),
    ("volumeAttributesClassName", "volumeattributesclasses", true),
    ("volumeName", "persistentvolumes", true),
];

/// Fields of a volume's spec.
pub(super) const VOLUME: &[Field] = &[
    ("storageClassName", "storageclasses", false),
    ("azureFile", "secrets/", true),
    ("cephfs.secretRef", "secrets/", true),
    ("csi.controllerExpandSecretRef", "secrets/", true),
    ("csi.controllerPublishSecretRef", "secrets/", true),
    ("csi.nodeExpandSecretRef", "secrets/", true),
    ("csi.nodePublishSecretRef", "secrets/", true),
    ("csi.nodeStageSecretRef", "secrets/", true),
    ("flexVolume.secretRef", "secrets/", true),
    ("iscsi.secretRef", "secrets/", true),
    ("rbd.secretRef", "secrets/", true),
    ("scaleIO.secretRef", "secrets/", true),
    ("storageos.secretRef", "secrets/", true),
];

/// Fields of other kinds.
pub(super) const OTHERS: &[(&str, &[Field])] = &[
    ("ServiceAccount", &[("imagePullSecrets[]", "secrets/", true)]),
    (
        "Ingress",
        &[
            ("spec.ingressClassName", "ingressclasses", true),
            ("spec.tls[].secretName", "secrets/", true),
            ("spec.defaultBackend.service", "services/specs/", false),
            ("spec.rules[].http.paths[].backend.service", "services/specs/", false),
        ],
    ),
    ("APIService", &[("spec.service", "services/specs/", true)]),
    ("CustomResourceDefinition", &[("spec.conversion.webhook.clientConfig.service", "services/specs/", true)]),
    ("MutatingWebhookConfiguration", &[("webhooks[].clientConfig.service", "services/specs/", true)]),
    ("ValidatingWebhookConfiguration", &[("webhooks[].clientConfig.service", "services/specs/", true)]),
    ("MutatingAdmissionPolicyBinding", &[("spec.policyName", "mutatingadmissionpolicies", true)]),
    ("ValidatingAdmissionPolicyBinding", &[("spec.policyName", "validatingadmissionpolicies", true)]),
    ("FlowSchema", &[("spec.priorityLevelConfiguration", "prioritylevelconfigurations", true)]),
    ("ResourceClaim", &[("spec.devices.requests[].exactly.deviceClassName", "deviceclasses", true)]),
    ("ResourceClaimTemplate", &[("spec.spec.devices.requests[].exactly.deviceClassName", "deviceclasses", true)]),
];
